"""Optuna's samplers, with draws that are decided by a study's seed, the trial's number and the parameter's name.

Optuna's own stream starts again with every process: a resumed study would draw its first trials once more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from zlib import crc32

import optuna
from numpy.random import SeedSequence
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from hmlc_ray.config.samplers import GpConfig, RandomConfig, TpeConfig
from hmlc_ray.config.sweep import StudyConfig


class Stream:
    """The numbers behind the draws of a study."""

    def __init__(self, seed: int) -> None:
        self._seed, self._attempt = seed, 0

    @contextmanager
    def again(self, attempt: int) -> Iterator[None]:
        """Other numbers for the time of the block, where a trial cannot have the point that it drew first."""
        self._attempt = attempt
        try:
            yield
        finally:
            self._attempt = 0

    def seed_of(self, number: int, name: str) -> int:
        """32 bits for a trial's parameter."""
        attempt = (self._attempt,) if self._attempt else ()
        return int(SeedSequence((self._seed, number, crc32(name.encode()), *attempt)).generate_state(1)[0])


class NumberedSampler(optuna.samplers.BaseSampler):
    """A sampler that draws from a `Stream`: some parameters together where it can, and the others one by one, by
    `sample_independent`."""

    stream: Stream
    startup_trials: int = 0
    """Ended trials of the whole study that it counts before it learns from any."""

    def decided_together(self, study: optuna.Study, number: int) -> dict[str, Any]:
        """Values of a trial's parameters that are not decided one by one; none here."""
        return {}


class NumberedRandom(NumberedSampler, optuna.samplers.RandomSampler):
    """Independent draws."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self.stream = stream

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        self._rng.rng.seed(self.stream.seed_of(trial.number, param_name))
        return super().sample_independent(study, trial, param_name, param_distribution)


class NumberedTpe(NumberedSampler, optuna.samplers.TPESampler):
    """The estimator, given the trials that ended before."""

    def __init__(self, stream: Stream, startup_trials: int) -> None:
        super().__init__(n_startup_trials=startup_trials, multivariate=False)
        self.stream, self._random_sampler = stream, NumberedRandom(stream)
        self.startup_trials = startup_trials

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        self._rng.rng.seed(self.stream.seed_of(trial.number, param_name))
        return super().sample_independent(study, trial, param_name, param_distribution)


class NumberedGp(NumberedRandom):
    """The Gaussian process, fitted again for each trial: it needs nothing of the draws before to repeat one."""

    def __init__(self, stream: Stream, startup_trials: int) -> None:
        super().__init__(stream)
        self.startup_trials = startup_trials

    def decided_together(self, study: optuna.Study, number: int) -> dict[str, Any]:
        """Values of the parameters that every trial with a value has."""
        known = optuna.create_study(direction=study.direction, sampler=optuna.samplers.RandomSampler())
        known.add_trials([_with_value(trial) for trial in study.get_trials(deepcopy=False)])
        known.ask()
        process = optuna.samplers.GPSampler(
            seed=self.stream.seed_of(number, "gp"),
            n_startup_trials=self.startup_trials,
            warn_independent_sampling=False,
        )
        trial = known.get_trials(deepcopy=False)[-1]
        return process.sample_relative(known, trial, process.infer_relative_search_space(known, trial))


def _with_value(trial: FrozenTrial) -> FrozenTrial:
    """A pruned trial as one that is completed with its last value, which is a poor one: that is why it was pruned.

    Optuna's process learns from completed trials alone, and with early stopping few are.
    """
    _, value = max(trial.intermediate_values.items(), default=(0, math.nan))
    if trial.state != TrialState.PRUNED or not math.isfinite(value):
        return trial
    return create_trial(params=trial.params, distributions=trial.distributions, value=value)


def build_sampler(study: StudyConfig) -> NumberedSampler:
    """The sampler of a study."""
    return SAMPLERS[study.sampler.kind](Stream(study.seed), study.sampler)


def _random(stream: Stream, config: RandomConfig) -> NumberedSampler:
    return NumberedRandom(stream)


def _gp(stream: Stream, config: GpConfig) -> NumberedSampler:
    return NumberedGp(stream, config.startup_trials)


def _tpe(stream: Stream, config: TpeConfig) -> NumberedSampler:
    return NumberedTpe(stream, config.startup_trials)


SAMPLERS: dict[str, Callable[[Stream, Any], NumberedSampler]] = {"gp": _gp, "random": _random, "tpe": _tpe}
"""Functions called with `(stream, config)`, by kind."""
