"""What a driver knows of its study's trials in Optuna, so that a draw costs the same after thousands of trials."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Container, Iterable
from itertools import islice

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

LONG = 500
"""Ended trials that a sampler learns from at most, besides the best."""
RUNNING = 100
"""Running trials that it knows of at most: it avoids where they are."""
BEST = 25
"""The best trials are always among them: Optuna's estimator models no more good ones."""
_ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
_Rank = tuple[float, float, float, int]


class History:
    """The trials of a study, which one driver alone changes: read from the storage once, and kept up to date by it.

    Optuna reads all running trials, with their parameters, from a database whenever it is asked for trials, which its
    estimator does for each parameter. That takes time in proportion to the trials that run, and its estimator in
    proportion to all that there are.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._study, self._sign = study, -1.0 if study.direction == StudyDirection.MAXIMIZE else 1.0
        self.trials: list[FrozenTrial] = []
        """The trials by number."""
        self._ranked: list[_Rank] = []
        self._running: set[int] = set()
        self._read()

    def _read(self) -> None:
        self.trials, self._ranked, self._running = [], [], set()
        for trial in self._study.get_trials(deepcopy=False):
            self.put(trial)

    def put(self, trial: FrozenTrial) -> None:
        """Note a new trial, or the new state of one."""
        assert trial.number <= len(self.trials), "trials are numbered without gaps"
        before = self.trials[trial.number : trial.number + 1]
        self.trials[trial.number : trial.number + 1] = [trial]
        (self._running.add if trial.state == TrialState.RUNNING else self._running.discard)(trial.number)
        if trial.state in _ENDED and not (before and before[0].state in _ENDED):
            insort(self._ranked, self._rank(trial))
            del self._ranked[BEST:]

    def create(self, trial: FrozenTrial) -> int:
        """Make a trial in the storage, whole, in one step; its id there."""
        storage = self._study._storage
        identity = storage.create_new_trial(self._study._study_id, template_trial=trial)
        trial._trial_id, trial.number = identity, storage.get_trial_number_from_id(identity)
        if trial.number == len(self.trials):
            self.put(trial)
        else:  # somebody else has made trials in this study meanwhile
            self._read()
        return identity

    def refresh(self, number: int) -> None:
        """Read a trial that has changed in the storage."""
        self.put(self._study._storage.get_trial(self.trials[number]._trial_id))

    def recent(self, fewest: int = 0) -> list[FrozenTrial]:
        """What a sampler learns from: all trials while not more than `LONG` have ended and `RUNNING` run.

        Of a longer study the trials that ended last, by number, and the best, so that what the estimator takes for good
        trials is the same; the weights of others decrease with their age in the estimator too.

        Args:
            fewest: ended trials that the sampler counts, and has to be shown if there are so many.
        """
        chosen = {rank[-1] for rank in self._ranked} | {*sorted(self._running)[-RUNNING:]}
        ended = (trial.number for trial in reversed(self.trials) if trial.state in _ENDED)
        chosen.update(islice(ended, max(LONG, fewest)))
        return [self.trials[number] for number in sorted(chosen)]

    def _rank(self, trial: FrozenTrial) -> _Rank:
        """Optuna's order: the best completed trial first, and pruned ones by how far they came."""
        if trial.state == TrialState.COMPLETE:
            assert trial.value is not None
            return 0.0, 0.0, self._sign * trial.value, trial.number
        step, value = max(trial.intermediate_values.items(), default=(-1, 0.0))
        return 1.0, -float(step), math.inf if math.isnan(value) else self._sign * value, trial.number


class KnownStudy(optuna.Study):
    """A study whose samplers are shown these trials, and do not ask the storage."""

    shown: Iterable[FrozenTrial] = ()

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        return [trial for trial in self.shown if states is None or trial.state in states]
