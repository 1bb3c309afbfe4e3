"""Every arm against the baseline, per data set, metric and level."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hmlc_ray.benchmark.results import Line
from hmlc_ray.benchmark.statistics import Interval, Paired, holm, mean_interval, paired
from hmlc_ray.config.suite import SuiteConfig

FIGURES = {
    "probe_top1": "linear probe, top-1",
    "knn_top1": "kNN, top-1",
    "probe_balanced_accuracy": "balanced accuracy",
}
"""The metrics compared on test, with their headings."""
MEAN = "mean"


@dataclass(frozen=True)
class Row:
    """One arm on one data set, by one metric at one level; all shares in percent, differences in points."""

    data: str
    figure: str
    level: str
    arm: str
    own: Interval
    """Interval of the arm's mean over its seeds."""
    seeds: int
    against: Paired | None
    """The baseline; None for the baseline itself, where no seed is shared with it, or at a level of another tree."""
    p_holm: float
    """Corrected over the arms of the same data set, metric and level; NaN where there is no p-value."""


def compare(suite: SuiteConfig, cells: Sequence[Line]) -> list[Row]:
    """Rows in the order of the suite; arms without a cell have none."""
    rows: list[Row] = []
    for data in suite.data:
        own = [line for line in cells if line.data == data]
        for figure in FIGURES:
            for level in levels_of(own):
                rows += _rows(suite, data, figure, level, own)
    return rows


def levels_of(cells: Iterable[Line]) -> list[str]:
    """The levels of a data set's cells, coarsest first, and their mean."""
    names = dict.fromkeys(name for line in cells for name in line.levels)
    return [*names, MEAN]


def _rows(suite: SuiteConfig, data: str, figure: str, level: str, cells: Sequence[Line]) -> list[Row]:
    values = {arm: _by_seed(cells, arm, f"{figure}/{level}") for arm in suite.arms}
    baseline = values[suite.benchmark.baseline]
    tests: dict[str, Paired] = {}
    for arm, own in values.items():
        shared = [seed for seed in own if seed in baseline]
        if arm != suite.benchmark.baseline and shared and _comparable(suite, data, arm, level, cells):
            tests[arm] = paired([100 * (own[seed] - baseline[seed]) for seed in shared])
    corrected = dict(zip(tests, holm([test.p_value for test in tests.values()]), strict=True))
    return [
        Row(
            data,
            figure,
            level,
            arm,
            mean_interval([100 * value for value in own.values()]),
            len(own),
            tests.get(arm),
            corrected.get(arm, math.nan),
        )
        for arm, own in values.items()
        if own
    ]


def _by_seed(cells: Iterable[Line], arm: str, name: str) -> dict[int, float]:
    return {line.number: line.metrics[name] for line in cells if line.arm == arm and name in line.metrics}


def _comparable(suite: SuiteConfig, data: str, arm: str, level: str, cells: Sequence[Line]) -> bool:
    """Under another tree, such as a shuffled one, only the leaves are the same classes."""
    if not suite.arms[arm].data:
        return True
    leaf = next(line.levels[-1] for line in cells if line.arm == suite.benchmark.baseline)
    return level == leaf
