"""What a trial reports to Tune."""

from __future__ import annotations

from typing import Any, TypedDict

from hmlc_ray.config.metrics import FIGURES
from hmlc_ray.config.training import evaluation_of
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.training.checkpoint import EpochRecord

_SEARCHED = tuple(f"{metric}/" for metric in FIGURES)
EVALUATIONS = "evaluations"
"""Key of a result: the evaluation that it is, or waits for, counted from 1. Ray's schedulers count by it: unlike Ray's
count of results, it is the same whether or not an epoch was repeated after a fault."""
WARNING = "warning"
"""Key of a result: what went wrong without ending the trial."""


class EpochEntry(TypedDict):
    """One epoch, as it travels to the driver and into MLflow."""

    epoch: int
    metrics: dict[str, float]


def result_of(records: list[EpochRecord], config: TrialConfig) -> dict[str, Any]:
    """The result of an evaluation: what can be searched for, and every epoch of `records`, the evaluated one last.

    Other metrics are in the history alone: Tune keeps statistics of every number at the top, and writes them into each
    of its snapshots.
    """
    last = records[-1]
    searched = {name: value for name, value in last.metrics.items() if name.startswith(_SEARCHED)}
    history = [EpochEntry(epoch=record.epoch, metrics=record.metrics) for record in records]
    evaluation = evaluation_of(last.epoch, config.evaluation.every)
    counts = {"epoch": last.epoch, "total_epochs": config.training.epochs, EVALUATIONS: evaluation}
    return {**searched, **counts, "history": history}


def is_pruned(result: dict[str, Any]) -> bool:
    """Whether a trial that ended without an error ended before its last epoch: the scheduler stopped it."""
    return int(result["epoch"]) < int(result["total_epochs"])


def status_of(result: dict[str, Any]) -> TrialStatus:
    """How a trial with this last result ended, if it ended without an error."""
    return TrialStatus.of_tune("TERMINATED", pruned=is_pruned(result))


def cause_of(error: BaseException) -> BaseException:
    """The trial's own error, which Ray wraps in several of its own."""
    failures = getattr(error, "worker_failures", None)
    inner = next(iter(failures.values())) if failures else getattr(error, "cause", None)
    return error if inner is None or inner is error else cause_of(inner)
