"""A benchmark: its comparison, fronts and cells, as the benchmark logged them at its end."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hmlc_ray.benchmark.comparison import Row
from hmlc_ray.benchmark.fronts import Front
from hmlc_ray.benchmark.statistics import Interval, Paired
from hmlc_ray.config.load import load_yaml
from hmlc_ray.errors import ConfigError
from hmlc_ray.report.content.files import fetched
from hmlc_ray.study import schema
from hmlc_ray.study.status import StudyOverview, status_of
from hmlc_ray.tracking import Tracker, TrialRun

REPORT = "report"
Values = Mapping[str, str]


@dataclass(frozen=True)
class CellResult:
    """One arm under one seed on one data set."""

    data: str
    arm: str
    seed: int
    value: float
    """Mean top-1 of the linear probe over the levels, on test."""
    run_id: str
    store: str


@dataclass(frozen=True)
class BenchmarkContent:
    """What is reported of a benchmark."""

    run: TrialRun
    suite: dict[str, Any]
    """The suite as it was run; empty where it was not logged."""
    rows: tuple[Row, ...]
    """Empty while the benchmark has not ended."""
    fronts: tuple[Front, ...]
    cells: tuple[CellResult, ...]
    studies: tuple[StudyOverview, ...]
    """The studies that its cells are trials of."""

    @property
    def name(self) -> str:
        return self.run.tags[schema.STUDY]

    @property
    def baseline(self) -> str:
        return str(self.suite.get("benchmark", {}).get("baseline", ""))


def benchmark_content(tracker: Tracker, run: TrialRun) -> BenchmarkContent:
    """Collect what the store has of a benchmark.

    Raises:
        StoreAway: if the store does not answer.
    """
    children = [child for child in tracker.studies() if child.tags.get(schema.PARENT) == run.run_id]
    with fetched(tracker, run.run_id, REPORT) as folder:
        rows = tuple(_rows(folder / "comparison.csv")) if folder is not None else ()
        fronts = tuple(_fronts(folder / "fronts.csv")) if folder is not None else ()
        cells = tuple(_cells(folder / "cells.csv")) if folder is not None else ()
    return BenchmarkContent(
        run, _suite(tracker, run), rows, fronts, cells, tuple(status_of(tracker, child) for child in children)
    )


def _suite(tracker: Tracker, run: TrialRun) -> dict[str, Any]:
    with fetched(tracker, run.run_id, "suite.yaml") as file, suppress(ConfigError):
        values = load_yaml(file) if file is not None else {}
        return dict(values) if isinstance(values, dict) else {}
    return {}


def _read(file: Path) -> Iterator[Values]:
    """The lines of a table; none where it is missing or not a table."""
    if file.is_file():
        with file.open(newline="", encoding="utf-8") as opened:
            yield from csv.DictReader(opened)


def _rows(file: Path) -> Iterator[Row]:
    for values in _read(file):
        with suppress(KeyError, TypeError, ValueError):
            own = Interval(float(values["mean"]), float(values["mean_low"]), float(values["mean_high"]))
            data, measure, level, arm = (values[key] for key in ("data", "figure", "level", "arm"))
            p_holm = _number(values.get("p_holm"))
            yield Row(data, measure, level, arm, own, int(values["seeds"]), _paired(values), p_holm)


def _paired(values: Values) -> Paired | None:
    if not values.get("difference"):
        return None
    interval = Interval(float(values["difference"]), float(values["low"]), float(values["high"]))
    wins, ties, losses = (int(values[key]) for key in ("wins", "ties", "losses"))
    return Paired(interval, _number(values.get("p")), wins, ties, losses)


def _number(text: str | None) -> float:
    return float(text) if text else math.nan


def _fronts(file: Path) -> Iterator[Front]:
    points: dict[tuple[str, str], dict[float, tuple[float, float]]] = {}
    last: dict[tuple[str, str], Values] = {}
    for values in _read(file):
        with suppress(KeyError, TypeError, ValueError):
            key = values["data"], values["arm"]
            point = float(values["coarse"]), float(values["leaf"])
            points.setdefault(key, {})[float(values["leaf_weight"])] = point
            last[key] = values
    for (data, arm), own in points.items():
        values = last[data, arm]
        with suppress(KeyError, TypeError, ValueError):
            volume = Interval(*(float(values[name]) for name in ("volume", "volume_low", "volume_high")))
            yield Front(data, arm, own, volume, _paired(values))


def _cells(file: Path) -> Iterator[CellResult]:
    for values in _read(file):
        if values.get("figure") == "probe_top1/mean":
            with suppress(KeyError, TypeError, ValueError):
                place = values["data"], values["arm"], int(values["seed"])
                yield CellResult(*place, float(values["value"]), values["run_id"], values["store"])
