"""The Tuner of a study: new, or restored from what an earlier driver left."""

from __future__ import annotations

import os
from typing import Any

import ray.tune

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.sweep.context import StudyContext
from hmlc_ray.sweep.train.trial import build_trainable
from hmlc_ray.sweep.tune.old_names import know_old_names
from hmlc_ray.sweep.tune.optuna_storage import TrialStorage
from hmlc_ray.sweep.tune.recorder import AlreadyEnded, SessionCallback
from hmlc_ray.sweep.tune.schedulers import build_scheduler
from hmlc_ray.sweep.tune.search import StudySearch

KEPT = 2
"""Checkpoints that a running trial keeps: the last, and the one before in case that is damaged."""
NO_END = -1
"""Tune's for any number of trials: `StudySearch` says when there are enough."""
_SNAPSHOT = "TUNE_GLOBAL_CHECKPOINT_S"
_SNAPSHOT_GIVEN = os.environ.get(_SNAPSHOT)


def build_tuner(context: StudyContext, concurrency: int) -> ray.tune.Tuner:
    """A tuner for a new study."""
    sweep = context.sweep
    _pace_snapshots(sweep)
    return ray.tune.Tuner(
        trainable_of(context),
        tune_config=ray.tune.TuneConfig(
            metric=sweep.study.objective_metric,
            mode=sweep.study.mode,
            search_alg=StudySearch(sweep.search_space(), sweep.study, TrialStorage(sweep.study, context.home).open()),
            scheduler=build_scheduler(sweep.study.scheduler),
            num_samples=NO_END,
            max_concurrent_trials=concurrency,
            reuse_actors=True,
            trial_dirname_creator=_trial_folder,
            trial_name_creator=_trial_folder,
        ),
        run_config=ray.tune.RunConfig(
            name=context.name,
            storage_path=context.results.uri,
            callbacks=[SessionCallback()],
            stop=AlreadyEnded(),
            verbose=0,
            failure_config=ray.tune.FailureConfig(max_failures=sweep.trials.retries),
            checkpoint_config=ray.tune.CheckpointConfig(num_to_keep=KEPT),
        ),
    )


def restore_tuner(context: StudyContext, *, retry: bool = False) -> ray.tune.Tuner | None:
    """The tuner of an interrupted study, or None if its driver was killed before Tune wrote any state.

    Failed trials stay failed, as they are in Optuna, unless `retry` is set: then they resume from their checkpoints.
    """
    _pace_snapshots(context.sweep)
    know_old_names()
    results, name = context.results, context.name
    states = [file for file in results.names(name) if file.startswith("experiment_state-")]
    if not states or not ray.tune.Tuner.can_restore(results.below(name)):
        return None
    return ray.tune.Tuner.restore(results.below(name), trainable=trainable_of(context), resume_errored=retry)


def _pace_snapshots(sweep: SweepConfig) -> None:
    """Choose the seconds between two snapshots of the experiment: what a killed driver may have to repeat.

    A snapshot holds all trials, so a period that grows with their number keeps its share of the time constant.
    """
    os.environ[_SNAPSHOT] = _SNAPSHOT_GIVEN or str(max(1, sweep.study.num_trials // 50))


def trainable_of(context: StudyContext) -> Any:
    return build_trainable(context.sweep.trials, context.results.groups(context.name))


def _trial_folder(trial: Any) -> str:
    return str(trial.trial_id)
