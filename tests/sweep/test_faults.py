"""What happens when processes die in mid-sweep: nothing is lost, nothing runs twice, nothing stays RUNNING."""

from __future__ import annotations

import signal
import subprocess

import pytest
from sandbox import Sandbox, kill, read_until

pytestmark = pytest.mark.slow
TOO_SMALL = "a batch of 3 samples is too small for training.sampler"
ONE_ENDED = "small: 1/5 trials done"


def check_complete(sandbox: Sandbox, trials: int) -> None:
    """Every trial once, all runs closed, Optuna and MLflow agree, every epoch logged once."""
    runs = sandbox.trials()
    assert [int(run.trial_id) for run in runs] == list(range(trials))
    assert {run.status for run in runs} == {"FINISHED"}
    assert sandbox.parent().status == "FINISHED"
    assert sandbox.statuses() == sandbox.optuna_states()
    for run in runs:
        assert sandbox.steps(run, "train/loss") == list(range(1, int(run.tags["hmlc.epochs"]) + 1))


def test_a_killed_driver_is_resumed(sandbox: Sandbox, started: list[subprocess.Popen[str]]) -> None:
    process = sandbox.start("sweep", sandbox.space(trials=5, epochs=5))
    started.append(process)
    read_until(process, ONE_ENDED)
    kill(process, signal.SIGKILL)
    assert sandbox.parent().status == "RUNNING"  # nobody was left to close it

    resumed = sandbox.hmlc("resume", "small")
    assert resumed.returncode == 0, resumed.stderr
    check_complete(sandbox, 5)


def test_ctrl_c_closes_its_runs_and_says_how_to_go_on(sandbox: Sandbox, started: list[subprocess.Popen[str]]) -> None:
    process = sandbox.start("sweep", sandbox.space(trials=5, epochs=5))
    started.append(process)
    read_until(process, ONE_ENDED)
    rest = kill(process, signal.SIGINT)
    assert process.returncode == 130
    assert "`hmlc resume small`" in rest
    assert "Traceback" not in rest
    assert sandbox.parent().status == "KILLED"
    assert {run.status for run in sandbox.trials()} == {"FINISHED", "KILLED"}

    resumed = sandbox.hmlc("resume", "small")
    assert resumed.returncode == 0, resumed.stderr
    check_complete(sandbox, 5)


def test_a_failed_trial_says_why_and_the_sweep_goes_on(sandbox: Sandbox) -> None:
    """The second choice of batch size cannot hold a group of the hierarchical sampler, which shows in the trial."""
    space = sandbox.space(trials=4, epochs=1)
    options = ["-o", "training.sampler=hierarchical", "-o", "study.seed=1", "-o", "trials.retries=0"]
    done = sandbox.hmlc("sweep", space, *options, "-o", "space.training.global_batch_size={choice: [256, 3]}")
    assert done.returncode == 0, done.stderr
    failed = [run for run in sandbox.trials() if run.params["training.global_batch_size"] == "3"]
    assert 0 < len(failed) < 4
    for run in failed:
        assert run.status == "FAILED"
        assert run.tags["hmlc.error"].startswith(f"ConfigError: {TOO_SMALL}")
    assert TOO_SMALL in " ".join(done.stdout.split())
    assert sandbox.statuses() == sandbox.optuna_states()
    assert sandbox.statuses().count("failed") == len(failed)
    assert sandbox.parent().status == "FINISHED"

    refused = sandbox.hmlc("sweep", space, *options, "--name", "small2", "-o", "training.global_batch_size=3")
    assert refused.returncode == 2
    assert TOO_SMALL in refused.stderr
