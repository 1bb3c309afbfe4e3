"""Paired comparisons over a few seeds. Formulas and sources: docs/benchmark.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap, ttest_1samp

RESAMPLES = 9_999
CONFIDENCE = 0.95
ALIKE = 1e-9
"""Points: what rounding makes of equal differences."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its bootstrap interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Paired:
    """An arm against the baseline, paired by seed."""

    interval: Interval
    p_value: float
    """p-value of the paired t-test, two-sided, not corrected; NaN for fewer than two pairs."""
    wins: int
    ties: int
    losses: int

    @property
    def pairs(self) -> int:
        return self.wins + self.ties + self.losses


def mean_interval(values: Sequence[float]) -> Interval:
    """The mean of values with its 95 % bootstrap interval (percentile method; the draws have a fixed seed).

    One value, or values that are all equal, have an interval of no width.
    """
    sample = np.asarray(values, dtype=np.float64)
    mean = float(sample.mean())
    if len(sample) < 2 or np.ptp(sample) < ALIKE:
        return Interval(mean, mean, mean)
    # Percentiles: the acceleration of BCa is estimated by leaving one of few values out, and runs wild.
    result = bootstrap(
        (sample,),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return Interval(mean, float(result.confidence_interval.low), float(result.confidence_interval.high))


def paired(differences: Sequence[float]) -> Paired:
    """Statistics of the differences of an arm to the baseline, one per seed."""
    values = np.asarray(differences, dtype=np.float64)
    wins, losses = int((values > ALIKE).sum()), int((values < -ALIKE).sum())
    return Paired(mean_interval(values.tolist()), _p_value(values), wins, len(values) - wins - losses, losses)


def _p_value(values: npt.NDArray[np.float64]) -> float:
    if len(values) < 2:
        return float("nan")
    if np.ptp(values) < ALIKE:
        return 1.0 if abs(values[0]) < ALIKE else 0.0
    return float(ttest_1samp(values, 0.0).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number by Holm's step-down procedure (Holm 1979), in the order given.

    NaN stays NaN and does not count.
    """
    corrected = [float("nan")] * len(p_values)
    known = sorted((p, index) for index, p in enumerate(p_values) if p == p)
    largest = 0.0
    for rank, (p, index) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        corrected[index] = largest
    return corrected


def hypervolume(points: Sequence[tuple[float, float]], reference: tuple[float, float] = (0.0, 0.0)) -> float:
    """The area that points dominate, both coordinates to be large, above a reference."""
    area, height = 0.0, reference[1]
    for x, y in sorted(points, reverse=True):
        if x > reference[0] and y > height:
            area += (x - reference[0]) * (y - height)
            height = y
    return area
