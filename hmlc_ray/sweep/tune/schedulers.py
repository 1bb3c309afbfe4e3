"""The scheduler of a study: what stops its worse trials early."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ray.tune.schedulers import TrialScheduler

from hmlc_ray.config.sweep import SchedulerConfig
from hmlc_ray.sweep.tune.asha import Asha
from hmlc_ray.sweep.tune.next_trial import LiveTrials

SCHEDULERS: dict[str, Callable[[Any], TrialScheduler]] = {"asha": Asha}
"""Functions called with the configuration, by kind."""


def build_scheduler(config: SchedulerConfig | None) -> TrialScheduler:
    """The scheduler of a configuration; None: every trial runs to its end."""
    return LiveTrials() if config is None else SCHEDULERS[config.kind](config)
