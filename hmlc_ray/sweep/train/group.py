"""One Ray Train run outside Tune: the refit of a study, and single runs on a cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ray.train import Checkpoint as RayCheckpoint
from ray.train import TrainingFailedError, UserCallback
from ray.util.queue import Queue

from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import HmlcError, TrainingError
from hmlc_ray.runs.recording import error_sentence
from hmlc_ray.sweep.cluster.signals import interruptible
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


class _Forward(UserCallback):  # type: ignore[misc]
    """Runs in Ray Train's controller: passes rank 0's results on to the driver, which alone writes to MLflow."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: RayCheckpoint | None) -> None:
        self._queue.put((metrics[0], checkpoint.path if checkpoint else None))


def train_group(config: TrialConfig, group: Group, *, test: bool, on_result: OnResult) -> GroupResult:
    """Train `config` on a Ray Train worker group and wait; every epoch's result is passed to `on_result`.

    Raises:
        HmlcError: what the workers raised, if they failed more often than `trials.retries`; other errors become a
            TrainingError.
    """
    queue = Queue(actor_options={"num_cpus": 0})
    listener = _Listener(queue, on_result)
    loop_config = {**params_of(config), "test": test, "every_epoch": True}
    trainer = torch_trainer(loop_config, group, [_Forward(queue)])
    try:
        with interruptible(), listener:
            trainer.fit()
    except TrainingFailedError as error:
        cause = cause_of(error)
        raise cause if isinstance(cause, HmlcError) else TrainingError(error_sentence(cause)) from error
    finally:
        queue.shutdown()
    assert listener.checkpoint is not None, "a run ends with an evaluation"
    assert listener.result is not None
    return GroupResult(listener.checkpoint, listener.result)


class _Listener:
    """Passes on what arrives in the queue, in a thread of the driver, until the block ends and the queue is empty."""

    def __init__(self, queue: Queue, on_result: OnResult) -> None:
        self._queue, self._on_result = queue, on_result
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._error: Exception | None = None
        self.result: dict[str, Any] | None = None
        self.checkpoint: str | None = None

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, kind: object, *_: object) -> None:
        self._queue.put(None)
        self._thread.join()
        if self._error is not None and kind is None:
            raise self._error

    def _listen(self) -> None:
        while (item := self._queue.get()) is not None:
            self.result, checkpoint = item
            self.checkpoint = checkpoint or self.checkpoint
            try:
                self._on_result(item[0])
            except Exception as error:  # raised again in the driver's own thread
                self._error = error
