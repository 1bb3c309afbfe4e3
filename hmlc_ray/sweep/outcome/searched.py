"""A study's trials as the pictures need them: plain data, with every searched parameter as a number or a word."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from hmlc_ray.config.dimensions import readable
from hmlc_ray.config.rungs import rungs
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.study.leaderboard import ranked
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.tracking import TrialRun

Value = bool | int | float | str
STUDY_FILE, MISSING_FILE = "study.json", "missing.txt"
"""What the process that draws reads, and where it names the pictures that it could not draw."""
_MOST_CURVES = 200
"""Trials whose curves are drawn: more are a single patch of colour, and each history is a request to the store."""


class DrawnTrial(BaseModel):
    """One trial."""

    model_config = ConfigDict(frozen=True)
    number: int
    status: str
    value: float | None
    epochs: int
    rungs: list[int]
    """Epochs at which the scheduler decides about it; empty without a scheduler."""
    params: dict[str, Value]
    front: tuple[float, float] | None
    """The objective metric at the coarsest and at the leaf level."""


class DrawnStudy(BaseModel):
    """What the process that draws is given."""

    model_config = ConfigDict(frozen=True)
    name: str
    metric: str
    mode: str
    trials: list[DrawnTrial]
    curves: dict[int, dict[int, float]]
    """The objective metric by trial and by epoch."""
    log: list[str]
    """Parameters on a logarithmic scale."""
    levels: tuple[str, str] | None
    """The coarsest level and the leaf level, where there are several."""

    @property
    def params(self) -> list[str]:
        """Parameters with more than one value, in the order of the space."""
        values: dict[str, set[Value]] = {}
        for trial in self.trials:
            for name, value in trial.params.items():
                values.setdefault(name, set()).add(value)
        return [name for name, known in values.items() if len(known) > 1]


def drawn_study(
    sweep: SweepConfig,
    rows: Sequence[TrialRow],
    runs: Mapping[int, TrialRun],
    curves: dict[int, dict[int, float]],
    levels: Sequence[str],
) -> DrawnStudy:
    """A study, from its trials in MLflow."""
    study, space = sweep.study, sweep.search_space()
    ends = (levels[0], levels[-1]) if len(levels) > 1 else None
    log = {
        short(name): bool(getattr(dimension, "log", False))
        for chosen in space.assignments()
        for name, _, dimension in space.dimensions(chosen)
    }
    return DrawnStudy(
        name=study.name,
        metric=study.objective_metric,
        mode=study.mode,
        trials=[_drawn(row, runs.get(row.number), sweep, ends, levels) for row in rows],
        curves=curves,
        log=[name for name, scale in log.items() if scale],
        levels=ends,
    )


def with_curves(rows: Sequence[TrialRow], mode: str) -> list[int]:
    """The trials whose curves are drawn: the best of a large study."""
    return sorted(row.number for row in ranked(rows, mode)[:_MOST_CURVES])


def short_values(params: Mapping[str, object], levels: Sequence[str]) -> dict[str, Value]:
    """Searched parameters by short names, each a number or a word: a weight of each level is a parameter of its own."""
    found: dict[str, Value] = {}
    for name, value in readable(dict(params)).items():
        if isinstance(value, list) and len(value) == len(levels):
            found |= {f"{short(name)} {level}": each for level, each in zip(levels, value, strict=True)}
        else:
            found[short(name)] = value if isinstance(value, bool | int | float | str) else json.dumps(value)
    return found


def short(name: str) -> str:
    """A parameter's name without its section: `objective.temperature` is `temperature`, `objective.kind` stays."""
    section, _, key = name.rpartition(".")
    return f"{section}.{key}" if key == "kind" else key


def _drawn(
    row: TrialRow, run: TrialRun | None, sweep: SweepConfig, ends: tuple[str, str] | None, levels: Sequence[str]
) -> DrawnTrial:
    front: Any = None
    metric, base, own = sweep.study.objective_metric, sweep.base_trial(), {} if run is None else run.params
    epochs, every = own.get("training.epochs", base.training.epochs), own.get("evaluation.every", base.evaluation.every)
    if ends is not None and run is not None and row.status == TrialStatus.COMPLETED:
        front = [run.metrics.get(metric_key(f"{metric.rpartition('/')[0]}/{level}")) for level in ends]
    return DrawnTrial(
        number=row.number,
        status=row.status,
        value=row.value,
        epochs=row.epochs,
        rungs=rungs(sweep.study.scheduler, int(epochs), int(every)),
        params=short_values(row.params, levels),
        front=tuple(front) if front and None not in front else None,
    )
