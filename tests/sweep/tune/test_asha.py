"""ASHA across the deaths of drivers: what was seen counts, what was decided stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.tune.schedulers import AsyncHyperBandScheduler

from hmlc_ray.config.sweep import AshaConfig
from hmlc_ray.sweep.train.result import EVALUATIONS
from hmlc_ray.sweep.tune import asha
from hmlc_ray.sweep.tune.asha import Asha

METRIC = "val/probe_accuracy/mean"
TRIALS, LENGTH, EVERY = 6, 9, 2
Seen = dict[int, dict[int, float]]


@dataclass
class Trial:
    """What a scheduler reads of Tune's; its id is another after some resumes, its number never."""

    number: int
    driver: int

    @property
    def trial_id(self) -> str:
        return f"{self.driver}-{self.number}"

    @property
    def config(self) -> dict[str, Any]:
        return {"number": self.number, "trial": {"evaluation": {"every": EVERY}}}


@dataclass
class Session:
    seen_before: Seen


def scheduler(config: AshaConfig, driver: int, seen: Seen, mode: str = "max") -> Asha:
    """A driver's, with all trials added."""
    made = Asha(config)
    made.set_search_properties(METRIC, mode)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asha, "active", lambda: Session(seen))
        for number in range(TRIALS):
            made.on_trial_add(None, Trial(number, driver))
    return made


def result(last: int, values: list[float]) -> dict[str, Any]:
    """Of evaluation `last`, with the evaluations before it that nobody heard of; an epoch without one between each."""
    history: list[dict[str, Any]] = []
    for evaluation, value in enumerate(values, last - len(values) + 1):
        epoch = EVERY * evaluation
        history += [{"epoch": epoch - 1, "metrics": {"train/loss": 1.0}}, {"epoch": epoch, "metrics": {METRIC: value}}]
    return {METRIC: values[-1], EVALUATIONS: last, "history": history}


CONFIGS = st.builds(AshaConfig, grace_period=st.integers(1, 3), reduction_factor=st.sampled_from([1.3, 2.0, 2.5, 3.0]))
CURVES = st.lists(
    st.lists(st.integers(0, 9).map(float), min_size=LENGTH, max_size=LENGTH), min_size=TRIALS, max_size=TRIALS
)
MODES = st.sampled_from(["max", "min"])
ORDER = st.lists(st.integers(0, TRIALS - 1), max_size=TRIALS * LENGTH)


class Study:
    """Trials that report in a given order until they are stopped or at their end."""

    def __init__(self, curves: list[list[float]]) -> None:
        self.curves = curves
        self.seen: Seen = {number: {} for number in range(TRIALS)}
        self.stopped: set[int] = set()

    def run(self, scheduler: Asha, driver: int, order: list[int]) -> Iterator[tuple[int, int, str]]:
        for number in order:
            evaluation = len(self.seen[number]) + 1
            if number in self.stopped or evaluation > LENGTH:
                continue
            value = self.curves[number][evaluation - 1]
            decision = scheduler.on_trial_result(None, Trial(number, driver), result(evaluation, [value]))
            self.seen[number][evaluation] = value
            if decision == Asha.STOP:
                self.stopped.add(number)
                scheduler.on_trial_complete(None, Trial(number, driver), result(evaluation, [value]))
            yield number, evaluation, decision


@given(config=CONFIGS, curves=CURVES, order=ORDER, mode=MODES)
def test_without_a_fault_it_decides_as_rays_own(
    config: AshaConfig, curves: list[list[float]], order: list[int], mode: str
) -> None:
    rays = AsyncHyperBandScheduler(
        time_attr=EVALUATIONS,
        metric=METRIC,
        mode=mode,
        max_t=1_000_000,
        grace_period=config.grace_period,
        reduction_factor=config.reduction_factor,
        stop_last_trials=False,
    )
    for number in range(TRIALS):
        rays.on_trial_add(None, Trial(number, 1))
    for number, evaluation, decision in Study(curves).run(scheduler(config, 1, {}, mode), 1, order):
        expected = rays.on_trial_result(
            None, Trial(number, 1), {EVALUATIONS: evaluation, METRIC: curves[number][evaluation - 1]}
        )
        assert decision == expected


@given(
    config=CONFIGS,
    curves=CURVES,
    before=ORDER,
    after=ORDER,
    goes_on_from=st.lists(st.integers(0, LENGTH), min_size=TRIALS, max_size=TRIALS),
    mode=MODES,
)
def test_a_resumed_study_decides_as_one_that_nothing_disturbed(
    config: AshaConfig,
    curves: list[list[float]],
    before: list[int],
    after: list[int],
    goes_on_from: list[int],
    mode: str,
) -> None:
    """Trials go on from older checkpoints: none is stopped where it had gone on, and the rest is decided as it was."""
    undisturbed = list(Study(curves).run(scheduler(config, 1, {}, mode), 1, before + after))

    study = Study(curves)
    first = list(study.run(scheduler(config, 1, {}, mode), 1, before))
    second = scheduler(config, 2, study.seen, mode)
    for number in set(range(TRIALS)) - study.stopped:
        for evaluation in range(goes_on_from[number] + 1, len(study.seen[number]) + 1):
            again = result(evaluation, [curves[number][evaluation - 1]])
            assert second.on_trial_result(None, Trial(number, 2), again) == Asha.CONTINUE
    assert first + list(study.run(second, 2, after)) == undisturbed


def test_evaluations_that_are_told_late_count_at_their_own_rungs() -> None:
    config = AshaConfig(reduction_factor=2)
    seen = {0: {1: 0.5, 2: 0.9}, 1: {1: 0.7, 2: 0.7}}
    # The best at evaluation 2, but not at the first one, of which no driver heard.
    late = result(2, [0.1, 1.0])
    assert scheduler(config, 2, seen).on_trial_result(None, Trial(2, 2), late) == Asha.STOP
    assert scheduler(config, 2, seen).on_trial_result(None, Trial(2, 2), result(2, [0.6, 1.0])) == Asha.CONTINUE


def test_an_end_that_is_told_again_counts_once() -> None:
    """A trial that goes on from its last checkpoint tells its last epoch twice: in its history, and judged anew."""
    made = scheduler(AshaConfig(reduction_factor=2), 2, {})
    told = result(2, [0.2, 0.4])
    told["history"].append(told["history"][-1])
    assert made.on_trial_result(None, Trial(0, 2), told) == Asha.CONTINUE
    assert made.on_trial_result(None, Trial(1, 2), result(1, [0.3])) == Asha.CONTINUE  # 0.2 at evaluation 1
    assert made.on_trial_result(None, Trial(1, 2), result(2, [0.3])) == Asha.STOP


def test_a_stopped_trial_has_no_place_in_later_rungs() -> None:
    made = scheduler(AshaConfig(reduction_factor=2), 2, {0: {1: 0.5}})
    assert made.on_trial_result(None, Trial(1, 2), result(2, [0.1, 1.0])) == Asha.STOP
    assert made.on_trial_result(None, Trial(0, 2), result(2, [0.5])) == Asha.CONTINUE


def test_a_trial_that_ends_without_a_result_is_left_alone() -> None:
    made = scheduler(AshaConfig(), 1, {})
    assert made.on_trial_result(None, Trial(0, 1), {"done": True}) == Asha.CONTINUE
    made.on_trial_complete(None, Trial(0, 1), {"done": True})
    made.on_trial_remove(None, Trial(0, 1))
    assert made.on_trial_result(None, Trial(1, 1), result(1, [0.5])) == Asha.CONTINUE
