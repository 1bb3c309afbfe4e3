"""A sweep in simulated time: Tune's order of events around a real searcher and a real scheduler, without Ray."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ray.tune.experiment import Trial
from ray.tune.schedulers import TrialScheduler

from budget_parts.surrogate import Surrogate
from hmlc_ray.sweep.train.params import KEYS
from hmlc_ray.sweep.train.result import EVALUATIONS, WARNING
from hmlc_ray.sweep.tune.search import StudySearch

SEARCH_KEYS = (*KEYS, "number", "test", WARNING)


class Driver(Protocol):
    """What a sweep's driver does at Tune's events; `hmlc_ray.sweep.tune.recorder.SessionCallback` is one."""

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None: ...

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None: ...

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None: ...


@dataclass(eq=False)
class SimulatedTrial:
    """What searchers, schedulers and the driver read of Tune's trial."""

    trial_id: str
    config: dict[str, Any]
    values: tuple[float, ...]
    epoch_seconds: float
    status: str = Trial.PENDING
    epochs: int = 0
    last_result: dict[str, Any] = field(default_factory=dict)
    is_saving: bool = False
    checkpoint: None = None
    storage: None = None
    experiment_tag: str = ""


@dataclass
class Outcome:
    """What a simulated sweep came to."""

    trials: list[SimulatedTrial] = field(default_factory=list)
    completed: list[tuple[float, float]] = field(default_factory=list)
    """(time, last value) of the trials that were trained to their end, in the order of their ends."""
    busy_seconds: float = 0.0
    """Of all slots."""
    seconds: float = 0.0
    """Until the last trial's end, or the end of the time."""

    def best_at(self, seconds: float) -> float:
        """The best value of the trials that were completed until then; 0 if there is none."""
        return max((value for at, value in self.completed if at <= seconds), default=0.0)

    def reached(self, value: float) -> float:
        """When a trial had been completed with at least this value; infinity where none was."""
        return min((at for at, found in self.completed if found >= value), default=float("inf"))


class Simulation:
    """Slots that train trials in simulated time; decisions take the time that `clocked` says, and slots wait for them.

    It is also the controller that Tune's schedulers are given.
    """

    def __init__(
        self,
        search: StudySearch,
        scheduler: TrialScheduler,
        surrogate: Surrogate,
        *,
        slots: int,
        every: int,
        driver: Driver | None = None,
        stretch: float = 1.0,
        ahead: int = 0,
        clocked: Callable[[str, Callable[[], Any]], tuple[Any, float]] = lambda what, call: (call(), 0.0),
    ) -> None:
        """Args:
        every: epochs between two evaluations.
        driver: None: nothing is recorded.
        stretch: simulated seconds for each second of the curves.
        ahead: trials that are drawn before there is a slot for them.
        clocked: runs a decision, by its kind, and returns its result and the seconds that it takes.
        """
        self._search, self._scheduler, self._surrogate = search, scheduler, surrogate
        self._slots, self._every, self._driver, self._stretch = slots, every, driver, stretch
        self._clocked, self._ahead = clocked, ahead
        self._events: list[tuple[float, int, SimulatedTrial]] = []
        self._order, self._running, self._now = itertools.count(), 0, 0.0
        self._is_drawn_out = False
        self.outcome = Outcome()
        scheduler.set_search_properties(search.metric, search.mode)

    def run(self, until: float = float("inf"), goes_on: Callable[[], bool] = lambda: True) -> Outcome:
        """Simulate until all trials have ended, the time is over, or `goes_on` says no."""
        self._fill()
        while self._events and self._events[0][0] <= until and goes_on():
            at, _, trial = heapq.heappop(self._events)
            self._now = max(self._now, at)
            self._running -= 1
            self._report(trial)
            self._fill()
        self.outcome.seconds = min(self._now, until)
        return self.outcome

    def get_trials(self) -> list[SimulatedTrial]:
        """Asked by schedulers."""
        return self.outcome.trials

    def get_live_trials(self) -> set[SimulatedTrial]:
        """Asked by schedulers."""
        return {trial for trial in self.outcome.trials if trial.status != Trial.TERMINATED}

    def stop_trial(self, trial: SimulatedTrial) -> None:
        """End a trial; schedulers stop paused ones."""
        if trial.status == Trial.TERMINATED:
            return
        if trial.status == Trial.RUNNING:
            self._scheduler.on_trial_complete(self, trial, trial.last_result)
        else:
            self._scheduler.on_trial_remove(self, trial)
        trial.status = Trial.TERMINATED
        self._search.on_trial_complete(trial.trial_id, trial.last_result)
        if self._driver is not None:
            self._driver.on_trial_complete(0, self.outcome.trials, trial)

    def _decide(self, what: str, call: Callable[[], Any]) -> Any:
        """What the driver, which does one thing at a time, does now."""
        result, seconds = self._clocked(what, call)
        self._now += seconds
        return result

    def _fill(self) -> None:
        """Start trials while slots are free: those that the scheduler chooses, else new ones."""
        while self._running < self._slots:
            while not self._is_drawn_out and self._pending() < self._ahead:
                self._is_drawn_out = not self._decide("suggest", self._add)
            trial = self._decide("choose", lambda: self._scheduler.choose_trial_to_run(self))
            if trial is None:
                if self._is_drawn_out or not self._decide("suggest", self._add):
                    self._is_drawn_out = True
                    return
                continue
            if not trial.epochs and self._driver is not None:
                self._decide("start", lambda: self._driver.on_trial_start(0, self.outcome.trials, trial))  # noqa: B023
            trial.status = Trial.RUNNING
            self._continue(trial)

    def _pending(self) -> int:
        return sum(trial.status == Trial.PENDING for trial in self.outcome.trials) if self._ahead else 0

    def _add(self) -> bool:
        """Draw a trial; whether there was one to draw."""
        trial_id = f"{len(self.outcome.trials):05d}"
        config = self._search.suggest(trial_id)
        if not isinstance(config, dict):
            return False
        searched = {name: value for name, value in config.items() if name not in SEARCH_KEYS}
        values, seconds = self._surrogate.nearest(searched)
        trial = SimulatedTrial(trial_id, config, tuple(values), seconds * self._stretch)
        self.outcome.trials.append(trial)
        self._scheduler.on_trial_add(self, trial)
        return True

    def _continue(self, trial: SimulatedTrial) -> None:
        epochs = min(self._every, len(trial.values) - trial.epochs)
        self._running += 1
        self.outcome.busy_seconds += epochs * trial.epoch_seconds
        heapq.heappush(self._events, (self._now + epochs * trial.epoch_seconds, next(self._order), trial))

    def _report(self, trial: SimulatedTrial) -> None:
        """What Tune does with a result, and with the end of a trial's function after its last one."""
        decision = self._decide("result", lambda: self._result(trial))
        if decision == TrialScheduler.CONTINUE and trial.epochs < len(trial.values):
            self._continue(trial)
        elif decision == TrialScheduler.PAUSE and trial.epochs < len(trial.values):
            trial.status = Trial.PAUSED
        else:
            self._decide("complete", lambda: self.stop_trial(trial))
            if trial.epochs == len(trial.values):
                self.outcome.completed.append((self._now, trial.values[-1]))

    def _result(self, trial: SimulatedTrial) -> str:
        before, trial.epochs = trial.epochs, min(trial.epochs + self._every, len(trial.values))
        metric = self._search.metric
        trial.last_result = result = {
            metric: trial.values[trial.epochs - 1],
            "epoch": trial.epochs,
            "total_epochs": len(trial.values),
            EVALUATIONS: -(-trial.epochs // self._every),
            "time_total_s": trial.epochs * trial.epoch_seconds,
            "history": [
                {"epoch": epoch, "metrics": {metric: trial.values[epoch - 1]} if epoch == trial.epochs else {}}
                for epoch in range(before + 1, trial.epochs + 1)
            ],
        }
        decision = str(self._scheduler.on_trial_result(self, trial, result))
        if decision != TrialScheduler.STOP:
            self._search.on_trial_result(trial.trial_id, result)
        if self._driver is not None:
            self._driver.on_trial_result(0, self.outcome.trials, trial, result)
        return decision
