"""A rung of ASHA: the values that its cutoff is taken from, kept in order."""

from __future__ import annotations

import math
from bisect import insort
from typing import Any


class Rung(dict[int, float]):
    """The value of each trial that reached it, by number.

    Ray takes a rung for a plain dict, and sorts all its values at each result.
    """

    def __init__(self) -> None:
        super().__init__()
        self._ordered: list[float] = []

    def __setitem__(self, number: int, value: float) -> None:
        assert number not in self, "a trial is in a rung once"
        super().__setitem__(number, value)
        if not math.isnan(value):
            insort(self._ordered, value)

    def __reduce__(self) -> tuple[Any, ...]:
        return Rung, (), None, None, iter(self.items())

    def percentile(self, percent: float) -> float:
        """`numpy.nanpercentile`, to the last bit; NaN where there is no value that is a number."""
        if not self._ordered:
            return math.nan
        place = percent / 100 * (len(self._ordered) - 1)
        below = math.floor(place)
        low, high = self._ordered[below], self._ordered[min(below + 1, len(self._ordered) - 1)]
        part = place - below
        return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)
