"""The points of a study: each is drawn once, and none is left out where the search space comes to an end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from hmlc_ray.config.dimensions import Choice, FloatRange, Params
from hmlc_ray.config.finite import point_at, size_of
from hmlc_ray.config.space import POINT, SearchSpace
from hmlc_ray.config.start import start_params
from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.sweep.tune.samplers import NumberedRandom, NumberedSampler

ATTEMPTS = 20
"""Draws of the sampler for one trial, and as many at random after them."""
_LEFT = "left"
"""The name, instead of a parameter's, of the choice among the points that are left."""
_FIXED = "fixed_params"
"""Optuna's own attribute of a trial that was enqueued: parameters which it has not been asked for yet."""


class Points:
    """The points of a search space, and those that a study has drawn.

    A trial is deterministic, so a point that was drawn before gives nothing new, whatever the outcome of its trial was.
    """

    def __init__(self, space: SearchSpace, starts: Sequence[Params] = ()) -> None:
        """
        Args:
            starts: what the first points have, each as far as it is decided.
        """
        self._space, self._size, self._starts = space, size_of(space), starts
        self._stepped = {
            name: dimension
            for chosen in space.assignments()
            for name, _, dimension in space.dimensions(chosen)
            if isinstance(dimension, FloatRange)
        }
        self._drawn: set[str] = set()
        self._trials = 0

    def draw(self, study: optuna.Study, sampler: NumberedSampler, trials: Sequence[FrozenTrial]) -> Params | None:
        """The point of the trial that comes after these; None if every point of the space has been drawn.

        Decided by the sampler's seed, the trial's number and the points and, unless draws are random, the ends of the
        trials before it.

        Raises:
            ConfigError: if values drawn contradict each other.
        """
        number, drawn = len(trials), self._drawn_in(trials)
        if self._space.points:
            return {POINT: number} if number < len(self._space.points) else None
        if self._size is not None and len(drawn) >= self._size:
            return None
        point: Params = {}
        given = self._starts[number] if number < len(self._starts) else {}
        for attempt in range(2 * ATTEMPTS):
            used = sampler if attempt < ATTEMPTS else NumberedRandom(sampler.stream)
            with sampler.stream.again(attempt):
                # What was tried before is not tried again, and then its values are not given.
                point = self._rehearse(study, used, number, given if attempt < ATTEMPTS else {})
            if self._text(point) not in drawn:
                return point
        if self._size is None:
            return point
        return self._left(drawn, sampler.stream.seed_of(number, _LEFT) * self._size >> 32)

    def _rehearse(self, study: optuna.Study, sampler: NumberedSampler, number: int, given: Params) -> Params:
        trial = _Rehearsal(study, sampler, number, given)
        self._space.suggest(trial)
        return {name: self._exact(name, value) for name, value in trial.params.items()}

    def _left(self, drawn: set[str], start: int) -> Params:
        """The first point from `start` on, and then from the beginning, that was not drawn."""
        assert self._size is not None
        for step in range(self._size):
            point = point_at(self._space, (start + step) % self._size)
            if self._text(point) not in drawn:
                return point
        raise AssertionError("fewer points were drawn than there are")

    def _drawn_in(self, trials: Sequence[FrozenTrial]) -> set[str]:
        """The points of these trials, of which each call has more."""
        for trial in trials[self._trials :]:
            self._drawn.add(self._text({**trial.system_attrs.get(_FIXED, {}), **trial.params}))
        self._trials = len(trials)
        return self._drawn

    def _text(self, point: Params) -> str:
        """Equal for equal points: JSON distinguishes 1, 1.0, true and "1"."""
        return json.dumps({name: self._exact(name, point[name]) for name in sorted(point)})

    def _exact(self, name: str, value: Any) -> Choice:
        """A value without what binary arithmetic, in studies of earlier versions too, has added to it."""
        exact: Choice = self._stepped[name].exact(value) if name in self._stepped else value
        return exact


def points_of(space: SearchSpace, study: StudyConfig) -> Points:
    """The points of a study."""
    return Points(space, start_params(space, study.start.points))


class _Rehearsal:
    """A trial that is drawn, but written nowhere."""

    def __init__(self, study: optuna.Study, sampler: NumberedSampler, number: int, given: Params) -> None:
        self._study, self._sampler, self._given = study, sampler, given
        self._trial = create_trial(state=TrialState.RUNNING)
        self._trial.number = number
        self._together = sampler.decided_together(study, number)
        self.params: Params = {}

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float:
        distribution = FloatDistribution(low, high, log=log, step=step)
        return float(self._draw(name, distribution, distribution.low))

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        distribution = IntDistribution(low, high, log=log, step=step)
        return int(self._draw(name, distribution, distribution.low))

    def suggest_categorical(self, name: str, choices: Sequence[Choice]) -> Choice:
        value: Choice = self._draw(name, CategoricalDistribution(choices), choices[0])
        return value

    def _draw(self, name: str, distribution: BaseDistribution, only: Any) -> Any:
        """As Optuna's own trial does: where there is one value alone, no sampler is asked."""
        value = self._given.get(name, only)
        if name not in self._given and not distribution.single():
            value = self._decided(name, distribution)
        self.params[name] = value
        return value

    def _decided(self, name: str, distribution: BaseDistribution) -> Any:
        if name in self._together:
            return self._together[name]
        return self._sampler.sample_independent(self._study, self._trial, name, distribution)
