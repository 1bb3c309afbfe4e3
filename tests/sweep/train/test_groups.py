"""Trials that are nested Ray Train runs. A file of its own, so that it runs beside the other slow ones."""

from __future__ import annotations

import subprocess

import pytest
from invariants import check_sound
from sandbox import Sandbox, begun, drain, named_below, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.fault
@pytest.mark.parametrize("victim", ["ray::RayTrainWor", "ray::ImplicitFu"], ids=["worker", "trial"])
def test_a_killed_worker_goes_on_from_the_last_checkpoint(
    sandbox: Sandbox, undisturbed: Sandbox, started: list[subprocess.Popen[str]], victim: str
) -> None:
    """The trial ends with the figures of one that trained undisturbed, in Tune's own process at that.

    The trial's process has the controller of its worker group: where it dies, the workers end with it.
    """
    slowly = {"RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "2"}  # a report per look: the trial does not end before it is seen
    process = sandbox.start("sweep", sandbox.seeded(workers="1"), "--trials", "1", env=slowly)
    started.append(process)
    lines = drain(process)

    def trained() -> bool:
        assert process.poll() is None, "".join(lines)
        return begun(lines) and any(len(sandbox.steps(run, "train/loss")) >= 2 for run in sandbox.trials())

    wait_until(trained, "two epochs of the trial")
    below = named_below(process.pid)
    idle = ("ray::TrainContr", "ray::_QueueActo", "ray::DatasetMan", "ray::Preemption")
    assert not [name for _, name in below if name.startswith(idle)], "each imports Ray anew, for every trial"
    (killed,) = (child for child, name in below if name.startswith(victim))
    killed.kill()
    assert process.wait(timeout=400) == 0, "".join(lines)
    check_sound(sandbox, 1, like=undisturbed)
