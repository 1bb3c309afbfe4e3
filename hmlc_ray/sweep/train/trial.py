"""What Tune runs for one trial."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

import ray.train
import ray.tune

from hmlc_ray.config.sweep import Resources, TrialsConfig
from hmlc_ray.home import Home
from hmlc_ray.sweep.cluster.capacity import driver_request
from hmlc_ray.sweep.cluster.gpus import worker_environment
from hmlc_ray.sweep.train.nested import ReportToTune, Trainer
from hmlc_ray.sweep.train.params import KEYS
from hmlc_ray.sweep.train.resume import ResumesFromNearest
from hmlc_ray.sweep.train.worker import train_in_process, train_in_worker

Loop = Callable[[dict[str, Any]], None]


def build_trainable(trials: TrialsConfig, storage: str) -> Any:
    """The function of a trial with the resources that Tune reserves for it.

    Args:
        trials: workers and resources.
        storage: folder or URI for the checkpoints of Ray Train's runs.
    """
    if trials.worker_range[0] == 0:
        need = {"cpu": trials.resources.cpus, "gpu": trials.resources.gpus}
        return ray.tune.with_resources(_resumable(_at_home(train_in_process)), need)
    return ray.tune.with_resources(_at_home(_train_in_group(trials, storage)), driver_request())


def _resumable(train: Loop) -> Loop:
    train.__mixins__ = (ResumesFromNearest,)  # type: ignore[attr-defined]  # what Tune makes a trainable of it with
    return train


def _at_home(train: Loop) -> Loop:
    """The function with the driver's home folder, which holds decoded data: a cluster's processes have others."""
    home = Home.of(None)

    @wraps(train)
    def train_at_home(params: dict[str, Any]) -> None:
        with home.current():
            train(params)

    return train_at_home


def _train_in_group(trials: TrialsConfig, storage: str) -> Loop:
    def train_in_group(params: dict[str, Any]) -> None:
        # Named after the trial, so that a restored trial's Train run finds its checkpoints by itself.
        group = Group(trials, ray.tune.get_context().get_trial_id(), storage)
        loop_config = {name: params[name] for name in KEYS if name in params} | {"test": params.get("test", False)}
        torch_trainer(loop_config, group, [ReportToTune()]).fit()

    return train_in_group


@dataclass(frozen=True)
class Group:
    """A worker group, and the Ray Train run that it makes."""

    trials: TrialsConfig
    """Workers, their resources and retries."""
    name: str
    """Name of the run; one that exists already is resumed."""
    storage: str
    """Folder or URI for the checkpoints of runs."""


def torch_trainer(loop_config: dict[str, Any], group: Group, callbacks: list[Any]) -> Trainer:
    """A Ray Train run of `train_in_worker` on a worker group."""
    trials = group.trials
    low, high = trials.worker_range
    environment = worker_environment(trials, loop_config["trial"]["training"]["device"])
    return Trainer(
        _at_home(train_in_worker),
        train_loop_config=loop_config,
        scaling_config=ray.train.ScalingConfig(
            num_workers=low if low == high else (low, high),
            use_gpu=trials.resources.gpus > 0,
            resources_per_worker=_per_worker(trials.resources),
        ),
        run_config=ray.train.RunConfig(
            name=group.name,
            storage_path=group.storage,
            failure_config=ray.train.FailureConfig(max_failures=trials.retries),
            checkpoint_config=ray.train.CheckpointConfig(num_to_keep=2),
            callbacks=callbacks,
            worker_runtime_env={"env_vars": environment},
            logging_config=ray.train.LoggingConfig(log_level="ERROR"),
        ),
    )


def _per_worker(resources: Resources) -> dict[str, float]:
    need = {"CPU": resources.cpus, "GPU": resources.gpus}
    return {name: amount for name, amount in need.items() if amount > 0}
