"""`hmlc retry`: what failed runs again, in its place."""

from __future__ import annotations

import pytest
from invariants import check_sound
from sandbox import Sandbox

pytestmark = [pytest.mark.slow, pytest.mark.journey]


def test_failed_trials_run_again_under_their_numbers_and_in_their_runs(sandbox: Sandbox) -> None:
    """Ray's memory monitor, which kills workers on a machine that runs full, takes 1 % for full; then nothing does."""
    monitor = {"RAY_memory_usage_threshold": "0.01", "RAY_memory_monitor_refresh_ms": "100"}
    space = sandbox.space(trials=2, epochs=20, scheduler="null")
    failed = sandbox.hmlc("sweep", space, "-o", "trials.retries=0", env=monitor)
    assert failed.returncode == 1, failed.stderr
    assert "Traceback" not in failed.stdout + failed.stderr
    assert sandbox.statuses() == ["failed", "failed"]
    check_sound(sandbox, 2, failed=dict.fromkeys(range(2), "OutOfMemory: the node ran low on memory"))
    before = {run.trial_id: run.run_id for run in sandbox.trials()}

    unsaid = sandbox.here("retry", "small")
    assert (unsaid.returncode, "say which trials run again: `hmlc retry small --failed`" in unsaid.stderr) == (2, True)
    done = sandbox.hmlc("retry", "small", "--failed")
    assert done.returncode == 0, done.stdout + done.stderr
    check_sound(sandbox, 2)
    runs = sandbox.trials()
    assert {run.trial_id: run.run_id for run in runs} == before
    for run in runs:
        assert run.tags["hmlc.retries"] == "1"
        assert "memory" in run.tags["hmlc.earlier_error"]
        assert "hmlc.error" not in run.tags

    none = sandbox.here("retry", "small", "--failed")
    assert none.returncode == 2
    assert "no trial of study 'small' failed, there is nothing to run again" in none.stderr
