"""When a study's scheduler decides about a trial."""

from __future__ import annotations

from math import ceil

from hmlc_ray.config.sweep import AshaConfig


def rungs(scheduler: AshaConfig | None, epochs: int, every: int) -> list[int]:
    """The epochs at which the scheduler decides about a trial, those before its last one; none without a scheduler.

    A rung is the first evaluation at or behind `grace_period * reduction_factor**k`, which need not be whole.

    Args:
        epochs: of the trial, its own `training.epochs`, which may be searched.
        every: its own `evaluation.every`.
    """
    if scheduler is None:
        return []
    found, power = [0], 0
    while (epoch := ceil(scheduler.grace_period * scheduler.reduction_factor**power) * every) < epochs:
        if epoch > found[-1]:
            found.append(epoch)
        power += 1
    return found[1:]
