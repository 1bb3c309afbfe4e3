"""One Ray Train run outside Tune: the refit of a study, and single runs on a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ray.train import Checkpoint as RayCheckpoint
from ray.train import TrainingFailedError, UserCallback

from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import HmlcError, TrainingError, error_sentence
from hmlc_ray.sweep.cluster.signals import raise_if_interrupted, unbroken
from hmlc_ray.sweep.train.params import params_of
from hmlc_ray.sweep.train.result import cause_of
from hmlc_ray.sweep.train.trial import Group, torch_trainer

OnResult = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class GroupResult:
    """A finished Ray Train run."""

    checkpoint: str
    """The folder of its last checkpoint, as the storage's file system knows it."""
    result: dict[str, Any]
    """Last result of rank 0."""


class _PassOn(UserCallback):  # type: ignore[misc]
    """Passes rank 0's results on, in the driver, which alone writes to MLflow; an error there does not end the run."""

    def __init__(self, on_result: OnResult) -> None:
        self._on_result = on_result
        self.error: Exception | None = None
        self.result: dict[str, Any] | None = None
        self.checkpoint: str | None = None

    def __reduce__(self) -> tuple[type[UserCallback], tuple[()]]:
        # Ray Train hands the callbacks to the workers as well, which call none and cannot have the driver's tracker.
        return UserCallback, ()

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: RayCheckpoint | None) -> None:
        self.result = metrics[0]
        self.checkpoint = checkpoint.path if checkpoint else self.checkpoint
        try:
            with unbroken():  # a record is kept as a whole, or not at all
                self._on_result(metrics[0])
        except Exception as error:  # raised again when the run has ended
            self.error = self.error or error
        raise_if_interrupted()  # a signal that was held back: the run may last for hours yet


def train_group(config: TrialConfig, group: Group, *, test: bool, on_result: OnResult) -> GroupResult:
    """Train `config` on a Ray Train worker group and wait; every epoch's result is passed to `on_result`.

    Raises:
        HmlcError: what the workers raised, if they failed more often than `trials.retries`; other errors become a
            TrainingError.
    """
    passed = _PassOn(on_result)
    loop_config = {**params_of(config), "test": test, "every_epoch": True}
    try:
        torch_trainer(loop_config, group, [passed]).fit()
    except TrainingFailedError as error:
        cause = cause_of(error)
        raise cause if isinstance(cause, HmlcError) else TrainingError(error_sentence(cause)) from error
    if passed.error is not None:
        raise passed.error
    assert passed.checkpoint is not None, "a run ends with an evaluation"
    assert passed.result is not None
    return GroupResult(passed.checkpoint, passed.result)
