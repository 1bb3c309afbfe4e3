"""Costs of a schedule that do not grow with the trials that have ended: the next trial, and the cutoff of a rung."""

from __future__ import annotations

import math
import pickle
import warnings
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler

from hmlc_ray.config.sweep import AshaConfig
from hmlc_ray.sweep.tune import asha
from hmlc_ray.sweep.tune.rung import Rung
from hmlc_ray.sweep.tune.schedulers import build_scheduler

SCHEDULERS = pytest.mark.parametrize("config", [None, AshaConfig()], ids=["none", "asha"])


@dataclass(eq=False)
class Waiting:
    """What the choice reads of a trial."""

    number: int
    status: str = Trial.PENDING

    @property
    def config(self) -> dict[str, Any]:
        return {"number": self.number}


@dataclass
class Controller:
    trials: list[Waiting]

    def get_trials(self) -> list[Waiting]:
        return self.trials

    def get_live_trials(self) -> set[Waiting]:
        return {trial for trial in self.trials if trial.status != Trial.TERMINATED}


def queued(config: AshaConfig | None, trials: list[Waiting]) -> Any:
    """A scheduler to which these were added."""
    scheduler = build_scheduler(config)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asha, "active", lambda: SimpleNamespace(seen_before={}))
        for trial in trials:
            scheduler.on_trial_add(None, trial)
    return scheduler


STATES = st.sampled_from([Trial.PENDING, Trial.RUNNING, Trial.PAUSED, Trial.TERMINATED, Trial.ERROR])


@SCHEDULERS
@given(states=st.lists(STATES, max_size=12))
def test_the_next_trial_is_the_one_that_ray_would_choose(config: AshaConfig | None, states: list[str]) -> None:
    controller = Controller([Waiting(number, state) for number, state in enumerate(states)])
    chosen = queued(config, controller.trials).choose_trial_to_run(controller)
    assert chosen is FIFOScheduler().choose_trial_to_run(controller)


@SCHEDULERS
def test_a_trial_that_failed_goes_to_the_end_of_the_queue_as_it_is_then(config: AshaConfig | None) -> None:
    failed, fresh, later = Waiting(0), Waiting(3), Waiting(4)
    scheduler = queued(config, [failed, fresh, failed, later])  # Tune adds it once more when it has failed
    assert scheduler.choose_trial_to_run(Controller([later, fresh, failed])) is fresh
    fresh.status = Trial.RUNNING
    assert scheduler.choose_trial_to_run(Controller([later, fresh, failed])) is failed


@SCHEDULERS
def test_a_scheduler_that_was_pickled_goes_on(config: AshaConfig | None) -> None:
    trials = [Waiting(0), Waiting(1)]
    scheduler = pickle.loads(pickle.dumps(queued(config, trials)))
    assert scheduler.choose_trial_to_run(Controller(trials)) is trials[0]
    older = {name: value for name, value in vars(scheduler).items() if name not in ("_places", "_added")}
    scheduler.__setstate__(older)
    scheduler.on_trial_add(None, trials[1])


def test_a_rung_can_be_pickled() -> None:
    rung = Rung()
    rung[3], rung[5] = 0.5, 0.7
    again = pickle.loads(pickle.dumps(rung))
    assert (dict(again), again.percentile(50)) == ({3: 0.5, 5: 0.7}, rung.percentile(50))


@given(
    values=st.lists(st.one_of(st.floats(-1e6, 1e6), st.just(math.nan)), min_size=1, max_size=40),
    factor=st.sampled_from([1.3, 2.0, 2.5, 3.0, 4.0]),
)
def test_a_cutoff_is_numpys_to_the_last_bit(values: list[float], factor: float) -> None:
    rung, percent = Rung(), (1 - 1 / factor) * 100
    for number, value in enumerate(values):
        rung[number] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of all that are NaN
        expected = np.nanpercentile(values, percent)
    assert np.array_equal(rung.percentile(percent), expected, equal_nan=True)
    assert len(rung) == len(values)
