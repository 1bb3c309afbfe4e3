"""What a trial reports to Tune."""

from __future__ import annotations

from typing import Any, TypedDict

from hmlc_ray.config.metrics import FIGURES
from hmlc_ray.fit import EpochRecord

_SEARCHED = tuple(f"{figure}/" for figure in FIGURES)
WARNING = "warning"
"""Key of a result: what went wrong without ending the trial."""


class EpochEntry(TypedDict):
    """One epoch, as it travels to the driver and into MLflow."""

    epoch: int
    metrics: dict[str, float]


def result_of(records: list[EpochRecord], total_epochs: int) -> dict[str, Any]:
    """The result of an evaluation: what can be searched for, and every epoch since the last one.

    Other metrics are in the history alone: Tune keeps statistics of every number at the top, and writes them into each
    of its snapshots.
    """
    last = records[-1]
    searched = {name: value for name, value in last.metrics.items() if name.startswith(_SEARCHED)}
    history = [EpochEntry(epoch=record.epoch, metrics=record.metrics) for record in records]
    return {**searched, "epoch": last.epoch, "total_epochs": total_epochs, "history": history}


def is_pruned(result: dict[str, Any]) -> bool:
    """Whether a trial that ended without an error ended before its last epoch: the scheduler stopped it."""
    return int(result["epoch"]) < int(result["total_epochs"])


def cause_of(error: BaseException) -> BaseException:
    """The trial's own error; Ray wraps it in several of its own."""
    failures = getattr(error, "worker_failures", None)
    inner = next(iter(failures.values())) if failures else getattr(error, "cause", None)
    return error if inner is None or inner is error else cause_of(inner)
