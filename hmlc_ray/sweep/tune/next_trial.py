"""Which trial runs next: as Ray's schedulers choose, at a cost that does not grow with the trials that have ended."""

from __future__ import annotations

from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler

from hmlc_ray.sweep.tune.recorder import number_of


class LiveTrials(FIFOScheduler):  # type: ignore[misc]  # ray ships no types
    """Looks at the trials that have not ended: Ray's own looks at all of them, each time that it is asked."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._places: dict[int, int] = {}
        self._added = 0

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Older versions pickled none of this class's own."""
        self.__dict__.update({"_places": {}, "_added": 0} | state)

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """Put it at the end of the queue. Tune calls this once more for a trial that failed and is to run again."""
        self._added += 1
        self._places[number_of(trial)] = self._added

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """The first in the queue that waits for its start, else the first that is paused."""
        live = tune_controller.get_live_trials()
        waiting = [trial for trial in live if trial.status in (Trial.PENDING, Trial.PAUSED)]
        return min(waiting, key=self._turn, default=None)

    def _turn(self, trial: Trial) -> tuple[bool, int]:
        return trial.status != Trial.PENDING, self._places[number_of(trial)]
