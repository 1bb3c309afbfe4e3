"""Ranges with a step, in decimal arithmetic: 0.1 and 0.2 are what they say, and 0.3 is among their multiples.

A float is taken for the shortest decimal that reads back to it, as written in the file.
"""

from __future__ import annotations

from fractions import Fraction

from hmlc_ray.errors import ConfigError

FINEST = 10_000_000
"""Most steps from 0 to the larger end: Optuna counts them in binary arithmetic, with a tolerance of 1e-8."""


def last_step(low: float, high: float, step: float) -> int:
    """How many whole steps lie between the ends."""
    return int((_exact(high) - _exact(low)) // _exact(step))


def step_value(low: float, step: float, index: int) -> float:
    """`low` and so many steps: the float of the decimal."""
    return float(_exact(low) + index * _exact(step))


def on_grid(value: float, low: float, step: float) -> float:
    """The value of the nearest step: 0.3 for 0.1 + 0.2, which is 0.30000000000000004 in binary arithmetic."""
    return step_value(low, step, round((_exact(value) - _exact(low)) / _exact(step)))


def check_step(low: float, high: float, step: float, where: str) -> None:
    """Check that a step of floats or integers above 0 reaches both ends, and that its values are distinct.

    Args:
        where: what an error begins with.

    Raises:
        ConfigError: if the step does not divide the range, saying which end it would reach; or if it is too fine.
    """
    whole = all(isinstance(number, int) for number in (low, high, step))
    if not whole and max(abs(low), abs(high)) > FINEST * _exact(step):
        raise ConfigError(
            f"{where}: step {step} is too fine for numbers as large as those from {low} to {high}: give at least a "
            f"{FINEST:,}th part of the larger end, or no step"
        )
    if (_exact(high) - _exact(low)) % _exact(step):
        end = step_value(low, step, last_step(low, high, step))
        raise ConfigError(
            f"{where}: step must be above 0 and divide {high} - {low}, got {step}: "
            f"its last value would be {int(end) if whole else end}"
        )


def _exact(value: float) -> Fraction:
    return Fraction(value) if isinstance(value, int) else Fraction(repr(float(value)))
