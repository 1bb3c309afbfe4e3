"""A Ray Train run whose controller runs in the process that waits for it: a trial's, which stays for the next, or a
driver's.

Ray Train would start a process for the controller, one for the queue between controller and trial, and Tune a new one
for each trial. All import torch or Ray again, which takes several times as long as a worker's start alone.
"""

from __future__ import annotations

from typing import Any

import ray.tune
from ray.train import Checkpoint as RayCheckpoint
from ray.train import UserCallback
from ray.train.torch import TorchTrainer
from ray.tune.integration.ray_train import CHECKPOINT_PATH_KEY

from hmlc_ray.sweep.cluster.internals import run_controller
from hmlc_ray.sweep.cluster.placement_groups import freeing_own_groups

_LEFT_OUT = {
    # A process that frees the run's resources: the driver does that, see `placement_groups`.
    "PlacementGroupCleanerCallback",
    # A process that hands out shards of Ray Data's sets: the loop opens its data itself.
    "DatasetsCallback",
}


class Trainer(TorchTrainer):  # type: ignore[misc]
    """Without what Ray Train starts beside each run and this package does not use."""

    def _create_default_callbacks(self) -> list[Any]:
        return [
            callback for callback in super()._create_default_callbacks() if type(callback).__name__ not in _LEFT_OUT
        ]

    def _initialize_and_run_controller(self, **arguments: Any) -> Any:
        # Workers and placement group belong to this process, and end with it.
        with freeing_own_groups():
            return run_controller(arguments)


class ReportToTune(UserCallback):  # type: ignore[misc]
    """Ray's `TuneReportCallback` without its queue: runs in the trial, and waits until Tune has the result.

    A trial that its scheduler stops ends there, by the SystemExit that Tune raises.
    """

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: RayCheckpoint | None) -> None:
        # The checkpoint is in the storage already.
        ray.tune.report(metrics[0] | ({CHECKPOINT_PATH_KEY: checkpoint.path} if checkpoint else {}))
