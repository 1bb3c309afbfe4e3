"""Worker groups that take every CPU of the machine: each has to give them back before the next trial can start."""

from __future__ import annotations

import pytest
from sandbox import Sandbox

from hmlc_ray.machine.cpus import usable_cpus

pytestmark = [pytest.mark.slow, pytest.mark.journey, pytest.mark.timeout(900)]
ELSEWHERE = {
    # Of other clusters, and of a proxy, none of which is there.
    "RAY_ADDRESS": "127.0.0.1:1",
    "RAY_API_SERVER_ADDRESS": "http://127.0.0.1:1",
    "http_proxy": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "all_proxy": "http://127.0.0.1:9",
}


def test_trials_of_a_worker_group_stop_early_and_leave_nothing_behind(sandbox: Sandbox) -> None:
    """Nested Ray Train under ASHA: an ended trial must give its workers' CPUs back, or the next one waits for ever."""
    space = sandbox.space(trials=2, epochs=2, workers="2")
    half = f"trials.resources.cpus={usable_cpus() / 2:g}"
    done = sandbox.hmlc("sweep", space, "-o", half, "-o", "study.stall={after: 400, action: stop}", env=ELSEWHERE)
    assert done.returncode == 0, done.stderr
    assert [run.status for run in sandbox.trials()] == ["FINISHED", "FINISHED"]
    assert sandbox.statuses() == sandbox.optuna_states()
    for run in sandbox.trials():
        assert sandbox.steps(run, "train/loss") == list(range(1, int(run.tags["hmlc.epochs"]) + 1))
    assert "test split" in done.stdout
