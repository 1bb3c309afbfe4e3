"""Learning curves: the objective metric of trials, and the losses of one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.machine.activity import doing
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.study.leaderboard import ranked
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.tracking import Tracker, TrialRun

Points = tuple[tuple[int, float], ...]
"""Epoch and value, by epoch."""
T = TypeVar("T")
MOST_POINTS = 200
"""Points of one curve; of longer ones every n-th, and the last."""


@dataclass(frozen=True)
class Curve:
    """The objective metric of a trial."""

    number: int
    status: TrialStatus
    points: Points


def curves_of(tracker: Tracker, rows: Sequence[TrialRow], study: StudyConfig, most: int) -> tuple[Curve, ...]:
    """The curves of at most so many trials, by number: the best half of them, the others from all over the study."""
    valued = ranked(rows, study.mode)
    chosen = valued[: (most + 1) // 2]
    rest = sorted(valued[len(chosen) :], key=lambda row: row.number)
    chosen += thinned(rest, most - len(chosen))
    doing("reading learning curves")
    curves = (Curve(row.number, row.status, history(tracker, row.run_id, study.objective_metric)) for row in chosen)
    return tuple(sorted((curve for curve in curves if curve.points), key=lambda curve: curve.number))


def history(tracker: Tracker, run_id: str, metric: str) -> Points:
    """A metric's values, thinned where there are very many."""
    points = tracker.history(run_id, metric)
    return tuple(thinned(points, MOST_POINTS))


def thinned(values: Sequence[T], most: int) -> list[T]:
    """At most so many of the values, evenly spread, with the last one."""
    if len(values) <= most:
        return list(values)
    if most < 1:
        return []
    return [values[round((index + 1) * len(values) / most) - 1] for index in range(most)]


def loss_curves(tracker: Tracker, run: TrialRun, levels: Sequence[str]) -> dict[str, Points]:
    """The training loss of a run: in all, and each level's part."""
    names = {"all levels": "train/loss"} | {level: metric_key(f"train/loss/{level}") for level in levels}
    return {name: history(tracker, run.run_id, key) for name, key in names.items() if key in run.metrics}


def probe_curves(tracker: Tracker, run: TrialRun, levels: Sequence[str]) -> dict[str, Points]:
    """The linear probe's accuracy on validation, per level."""
    names = {level: metric_key(f"val/probe_top1/{level}") for level in levels}
    return {name: history(tracker, run.run_id, key) for name, key in names.items() if key in run.metrics}
