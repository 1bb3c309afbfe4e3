"""What must hold after every fault: nothing lost, nothing twice, nothing left open."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mlflow.tracking import MlflowClient
from sandbox import Sandbox, figures

from hmlc_ray.study import schema
from hmlc_ray.study.progress import FILE
from hmlc_ray.tracking import TrialRun


def check_sound(
    sandbox: Sandbox, trials: int, *, like: Sandbox | None = None, failed: Mapping[int, str] | None = None
) -> None:
    """The study is complete, whatever happened to it.

    Args:
        trials: how many it has; each has one run.
        like: an undisturbed sweep of the same space and seed, of as many trials or more: every trial has its parameters
            and its figures.
        failed: numbers of the trials that could not succeed, with a part of the reason that their run must tell.
    """
    failed = failed or {}
    runs = sandbox.trials()
    assert [int(run.trial_id) for run in runs] == list(range(trials))
    assert sandbox.parent().status == "FINISHED"
    assert sandbox.statuses() == sandbox.optuna_states()
    for run in runs:
        reason = failed.get(int(run.trial_id))
        assert run.status == ("FINISHED" if reason is None else "FAILED"), run.tags
        assert reason is None or reason in run.tags[schema.ERROR], run.tags[schema.ERROR]
        _check_points(sandbox, run, last=None if reason else int(run.tags["hmlc.epochs"]))
    values = {int(run.trial_id): run.tags["hmlc.value"] for run in runs if int(run.trial_id) not in failed}
    assert sandbox.optuna_values() == {number: float(value) for number, value in values.items()}
    if like is not None:
        _check_alike(runs, like.trials()[:trials], set(failed))
    assert not sandbox.home.spool("small").exists()
    assert not (sandbox.home.study("small") / FILE).exists()


def _check_points(sandbox: Sandbox, run: TrialRun, *, last: int | None) -> None:
    """Every metric has at most one point per step, and the loss one per epoch."""
    client = MlflowClient(tracking_uri=sandbox.store)
    for name in run.metrics:
        steps = [point.step for point in client.get_metric_history(run.run_id, name)]
        assert len(steps) == len(set(steps)), (name, steps)
    if last is not None:
        found = sandbox.steps(run, "train/loss")
        assert found == list(range(1, last + 1)), f"trial {run.trial_id} of {last} epochs has the steps {found}"


def _check_alike(runs: list[TrialRun], expected: list[TrialRun], without: set[int]) -> None:
    for run, other in zip(runs, expected, strict=True):
        assert json.loads(run.tags["hmlc.searched"]) == json.loads(other.tags["hmlc.searched"])
        if int(run.trial_id) not in without:
            assert figures(run) == figures(other)
            assert run.tags["hmlc.value"] == other.tags["hmlc.value"]
