"""A configuration that was not trained gets the curve of the nearest one that was."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from budget_parts.curves import Curve, CurveSet
from hmlc_ray.config.dimensions import Choices, FloatRange, IntRange
from hmlc_ray.config.space import SearchSpace


class Surrogate:
    """Curves by parameters.

    Nearest is meant among the curves with the same kinds and choices: the Euclidean distance of what is left, each
    parameter scaled to [0, 1] over its range (of its logarithm where it is drawn so). An epoch takes the median of all
    epochs of the curves with the same kinds, so that other work on the machine does not make a configuration slow.
    """

    def __init__(self, space: SearchSpace, curves: CurveSet) -> None:
        self._ranges = _ranges(space)
        self._groups: dict[tuple[Any, ...], list[Curve]] = {}
        for curve in curves.curves:
            self._groups.setdefault(self._choices(curve.params), []).append(curve)
        self._points = {
            key: np.array([self._point(curve.params) for curve in group]) for key, group in self._groups.items()
        }
        self._seconds = {
            key: statistics.median(second for curve in group for second in curve.seconds)
            for key, group in self._groups.items()
        }
        self.epochs = curves.epochs

    @property
    def full_seconds(self) -> float:
        """Seconds of a full training, the mean over all curves."""
        total = sum(self._seconds[key] * len(group) for key, group in self._groups.items())
        return self.epochs * total / sum(map(len, self._groups.values()))

    def best(self) -> float:
        """The highest value at the end of any curve."""
        return max(curve.values[-1] for group in self._groups.values() for curve in group)

    def quantile(self, share: float) -> float:
        """The value that so large a share of the curves does not exceed at its end."""
        return float(np.quantile([curve.values[-1] for group in self._groups.values() for curve in group], share))

    def nearest(self, params: Mapping[str, Any]) -> tuple[Sequence[float], float]:
        """The values after each epoch, and the seconds of an epoch."""
        key = self._choices(params)
        distances = np.square(self._points[key] - self._point(params)).sum(axis=1)
        return self._groups[key][int(distances.argmin())].values, self._seconds[key]

    def _choices(self, params: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(sorted((name, value) for name, value in params.items() if name not in self._ranges))

    def _point(self, params: Mapping[str, Any]) -> np.ndarray:
        return np.array([scale(params[name]) for name, scale in self._ranges.items() if name in params])


def _ranges(space: SearchSpace) -> dict[str, Any]:
    """How each parameter that is a number is scaled, by its name in the study."""
    found: dict[str, Any] = {}
    for chosen in space.assignments():
        for name, _, dimension in space.dimensions(chosen):
            if isinstance(dimension, FloatRange | IntRange):
                found[name] = _scale(dimension)
            elif not isinstance(dimension, Choices):
                found |= {f"{name}.stick{k}": float for k in range(getattr(dimension, "length", 1) - 1)}
    return found


def _scale(dimension: FloatRange | IntRange) -> Any:
    transform = np.log if dimension.log else float
    low, high = transform(dimension.low), transform(dimension.high)
    return lambda value: (transform(value) - low) / (high - low)
