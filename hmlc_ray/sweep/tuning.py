"""The Tuner of a study: made anew, or restored from what an earlier driver left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import ray.tune
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler, TrialScheduler

from hmlc_ray.config.sweep import SchedulerConfig, SweepConfig
from hmlc_ray.home import Home
from hmlc_ray.sweep.search import StudySearch
from hmlc_ray.sweep.session import AlreadyEnded, SessionCallback
from hmlc_ray.sweep.trial import build_trainable, storage_uri

# An upper bound on evaluations per trial; trials end by themselves.
_MANY = 1_000_000


def build_tuner(sweep: SweepConfig, home: Home, concurrency: int) -> ray.tune.Tuner:
    """A tuner for a new study."""
    return ray.tune.Tuner(
        trainable_of(sweep, home),
        tune_config=ray.tune.TuneConfig(
            metric=sweep.study.objective_metric,
            mode=sweep.study.mode,
            search_alg=StudySearch(sweep.search_space(), sweep.study, open_storage(home)),
            scheduler=build_scheduler(sweep.study.scheduler),
            num_samples=sweep.study.num_trials,
            max_concurrent_trials=concurrency,
            reuse_actors=sweep.trials.worker_range[0] == 0,
            trial_dirname_creator=_trial_folder,
            trial_name_creator=_trial_folder,
        ),
        run_config=ray.tune.RunConfig(
            name=sweep.study.name,
            storage_path=storage_uri(home.ray),
            callbacks=[SessionCallback()],
            stop=AlreadyEnded(),
            verbose=0,
            failure_config=ray.tune.FailureConfig(max_failures=sweep.trials.retries),
            checkpoint_config=ray.tune.CheckpointConfig(num_to_keep=2),
        ),
    )


def restore_tuner(sweep: SweepConfig, home: Home) -> ray.tune.Tuner | None:
    """The tuner of an interrupted study, or None if its driver died before Tune wrote any state.

    Failed trials stay failed: their outcome is final in Optuna.
    """
    folder = home.ray / sweep.study.name
    if not ray.tune.Tuner.can_restore(str(folder)) or not list(folder.glob("experiment_state-*.json")):
        return None
    return ray.tune.Tuner.restore(str(folder), trainable=trainable_of(sweep, home))


def trainable_of(sweep: SweepConfig, home: Home) -> Any:
    return build_trainable(sweep.trials, storage_uri(home.groups / sweep.study.name))


def open_storage(home: Home) -> optuna.storages.BaseStorage:
    """Optuna's storage; only the driver opens it."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    Path(home.root).mkdir(parents=True, exist_ok=True)
    return optuna.storages.RDBStorage(home.optuna_url)


def build_scheduler(config: SchedulerConfig | None) -> TrialScheduler:
    """ASHA over evaluations, or none. A trial's last evaluation is never a stop: it ends by itself."""
    if config is None:
        return FIFOScheduler()
    return AsyncHyperBandScheduler(
        time_attr="training_iteration",
        max_t=_MANY,
        grace_period=config.grace_period,
        reduction_factor=config.reduction_factor,
        stop_last_trials=False,
    )


def _trial_folder(trial: Any) -> str:
    return str(trial.trial_id)
