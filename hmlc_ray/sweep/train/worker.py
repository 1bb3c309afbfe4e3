"""The adapters between `fit` and Ray: what runs in a warm Tune process, and what runs in a Ray Train worker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray.train
import ray.tune

from hmlc_ray.compute import distributed
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import error_sentence
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.sweep.cluster import private_locks  # noqa: F401
from hmlc_ray.sweep.cluster.gpus import keep_to_own_gpus
from hmlc_ray.sweep.train.params import received
from hmlc_ray.sweep.train.result import WARNING, result_of
from hmlc_ray.sweep.train.resume import read_checkpoint
from hmlc_ray.training.checkpoint import Checkpoint, EpochRecord, write_checkpoint_files
from hmlc_ray.training.fit import fit

Send = Callable[[dict[str, Any], Path | None], None]
"""Sends a result and, where there is one, the folder of a checkpoint."""


def train_in_process(params: dict[str, Any]) -> None:
    """A trial without a worker group: `fit` in Tune's own, reused process (`trials.workers: 0`)."""
    config = received(params)
    keep_to_own_gpus(config.training.device, shared=False)
    resume = read_checkpoint(ray.tune.get_checkpoint())
    fit(config, _Reporter(config, _send_to_tune, resume), resume=resume, test=params.get("test", False))


def train_in_worker(params: dict[str, Any]) -> None:
    """The loop of one Ray Train worker; every worker of the group runs it.

    Args:
        params: those of `params_of`, `test` (judge on the test split at the end) and `every_epoch`
            (report each epoch, for a live view, and not only the evaluated ones).
    """
    config = received(params)
    keep_to_own_gpus(config.training.device, shared=True)
    resume = read_checkpoint(ray.train.get_checkpoint())
    reporter = _Reporter(config, _send_to_train, resume, every_epoch=params.get("every_epoch", False))
    fit(config, reporter, resume=resume, test=params.get("test", False))


class _Reporter:
    """Holds epochs back until one is evaluated: every result must carry the searched metric.

    The first result of a resumed run has all epochs before it, too. A checkpoint is on disk before its result is with
    the driver, so a driver that is killed between the two never received it.
    """

    def __init__(
        self, config: TrialConfig, send: Send, resume: Checkpoint | None, *, every_epoch: bool = False
    ) -> None:
        self._config, self._send, self._every_epoch = config, send, every_epoch
        self._records: list[EpochRecord] = list(resume.history) if resume else []

    def __call__(self, record: EpochRecord, snapshot: Callable[[], Checkpoint]) -> None:
        self._records.append(record)
        if not (record.evaluated or self._every_epoch):
            return
        result = result_of(self._records, self._config)
        self._records = []
        if not record.evaluated or distributed.rank() != 0:
            self._send(result, None)
            return
        try:
            with scratch_folder("checkpoint") as folder:
                write_checkpoint_files(folder, snapshot())
                self._send(result, folder)
        except OSError as error:
            if self._send is not _send_to_tune or record.epoch == self._config.training.epochs:
                raise
            # A full disk, say. The checkpoint before stays, and the trial can do without this one.
            self._send({**result, WARNING: f"no checkpoint of epoch {record.epoch}: {error_sentence(error)}"}, None)


def _send_to_tune(result: dict[str, Any], folder: Path | None) -> None:
    # Inside a Tune trial `ray.train.report` refuses (ray#49454).
    ray.tune.report(result, checkpoint=ray.tune.Checkpoint.from_directory(folder) if folder else None)


def _send_to_train(result: dict[str, Any], folder: Path | None) -> None:
    ray.train.report(result, checkpoint=ray.train.Checkpoint.from_directory(folder) if folder else None)
