"""Trials that are nested Ray Train runs. A file of its own, so that it runs beside the other slow ones."""

from __future__ import annotations

import pytest
from sandbox import Sandbox

pytestmark = pytest.mark.slow


def test_trials_of_a_worker_group_stop_early_and_leave_nothing_behind(sandbox: Sandbox) -> None:
    """Nested Ray Train under ASHA: a stopped trial must give its workers' resources back, or the next one waits."""
    done = sandbox.hmlc("sweep", sandbox.space(trials=2, epochs=2, workers="1"))
    assert done.returncode == 0, done.stderr
    assert [run.status for run in sandbox.trials()] == ["FINISHED", "FINISHED"]
    assert sandbox.statuses() == sandbox.optuna_states()
    for run in sandbox.trials():
        assert sandbox.steps(run, "train/loss") == list(range(1, int(run.tags["hmlc.epochs"]) + 1))
    assert "test split" in done.stdout
