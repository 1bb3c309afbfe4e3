"""Which trial runs next: as Ray's schedulers choose, at a cost that does not grow with the trials that have ended."""

from __future__ import annotations

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler

from hmlc_ray.sweep.tune.recorder import number_of


class LiveTrials(FIFOScheduler):  # type: ignore[misc]  # ray ships no types
    """Looks at the trials that have not ended: Ray's own looks at all of them, each time that it is asked."""

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The first that waits for its start, else the first that is paused; what failed before waits longest."""
        live = tune_controller.get_live_trials()
        waiting = [trial for trial in live if trial.status in (Trial.PENDING, Trial.PAUSED)]
        return min(waiting, key=_turn, default=None)


def _turn(trial: Trial) -> tuple[bool, int, int]:
    return trial.status != Trial.PENDING, trial.num_failures, number_of(trial)
