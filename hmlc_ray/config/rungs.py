"""When a study's scheduler decides."""

from __future__ import annotations

from hmlc_ray.config.sweep import SweepConfig


def rungs(sweep: SweepConfig) -> list[int]:
    """The epochs at which the scheduler decides, up to the longest trial's last."""
    scheduler, trial = sweep.study.scheduler, sweep.base_trial()
    if scheduler is None:
        return []
    found, evaluation = [], float(scheduler.grace_period)
    while (epoch := round(evaluation) * trial.evaluation.every) < trial.training.epochs:
        found.append(epoch)
        evaluation *= scheduler.reduction_factor
    return found
