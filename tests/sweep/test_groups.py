"""Trials that are nested Ray Train runs. A file of its own, so that it runs beside the other slow ones."""

from __future__ import annotations

import subprocess

import psutil
import pytest
from invariants import check_sound
from sandbox import Sandbox, begun, drain, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_trials_of_a_worker_group_stop_early_and_leave_nothing_behind(sandbox: Sandbox) -> None:
    """Nested Ray Train under ASHA: a stopped trial must give its workers' resources back, or the next one waits."""
    done = sandbox.hmlc("sweep", sandbox.space(trials=2, epochs=2, workers="1"))
    assert done.returncode == 0, done.stderr
    assert [run.status for run in sandbox.trials()] == ["FINISHED", "FINISHED"]
    assert sandbox.statuses() == sandbox.optuna_states()
    for run in sandbox.trials():
        assert sandbox.steps(run, "train/loss") == list(range(1, int(run.tags["hmlc.epochs"]) + 1))
    assert "test split" in done.stdout


@pytest.mark.fault
def test_a_killed_worker_goes_on_from_the_last_checkpoint(
    sandbox: Sandbox, undisturbed: Sandbox, started: list[subprocess.Popen[str]]
) -> None:
    """The trial ends with the figures of one that trained undisturbed, in Tune's own process at that."""
    process = sandbox.start("sweep", sandbox.seeded(workers="1"), "--trials", "1")
    started.append(process)
    lines = drain(process)

    def trained() -> bool:
        assert process.poll() is None, "".join(lines)
        return begun(lines) and any(len(sandbox.steps(run, "train/loss")) >= 2 for run in sandbox.trials())

    wait_until(trained, "two epochs of the trial", seconds=400)
    below = psutil.Process(process.pid).children(recursive=True)
    (worker,) = (child for child in below if child.name().startswith("ray::RayTrainWor"))
    worker.kill()
    assert process.wait(timeout=400) == 0, "".join(lines)
    check_sound(sandbox, 1, like=undisturbed)
