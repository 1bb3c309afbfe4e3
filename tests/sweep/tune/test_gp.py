"""The Gaussian process: what it learns from."""

from __future__ import annotations

import math

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from hmlc_ray.sweep.tune.samplers import NumberedGp, Stream

DISTRIBUTIONS = {"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)}
BEST = (0.3, 0.7)


def ended(state: TrialState, seed: int, value: float | None = None) -> FrozenTrial:
    """A trial at a random point; by default its value is the higher the nearer to BEST it is."""
    x, y = np.random.default_rng(seed).random(2)
    found = -math.dist((x, y), BEST) if value is None else value
    last = {"value": found} if state == TrialState.COMPLETE else {"intermediate_values": {5: found}}
    return create_trial(state=state, params={"x": x, "y": y}, distributions=DISTRIBUTIONS, **last)


def proposed(trials: list[FrozenTrial], number: int) -> tuple[float, float]:
    study = optuna.create_study(direction="maximize")
    study.add_trials(trials)
    point = NumberedGp(Stream(0), startup_trials=10).decided_together(study, number)
    return point["x"], point["y"]


def test_stopped_trials_count_with_their_last_values() -> None:
    trials = [ended(TrialState.PRUNED, seed) for seed in range(18)] + [ended(TrialState.COMPLETE, seed=18)]
    near = [math.dist(proposed(trials, number), BEST) for number in (19, 20, 21)]
    assert np.mean(near) < 0.15
    alone = NumberedGp(Stream(0), startup_trials=10)
    study = optuna.create_study(direction="maximize")
    study.add_trials([trial for trial in trials if trial.state == TrialState.COMPLETE])
    assert alone.decided_together(study, 19) == {}  # it has not begun: of one completed trial nothing is learned


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_stopped_trial_without_a_finite_value_says_nothing(value: float) -> None:
    known = [ended(TrialState.COMPLETE, seed) for seed in range(12)]
    assert proposed([*known, ended(TrialState.PRUNED, 12, value)], 13) == proposed(
        [*known, ended(TrialState.FAIL, 12)], 13
    )
