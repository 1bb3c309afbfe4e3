"""What every scheduler of a study promises: a resumed study goes on as the undisturbed one would have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from conformance.members import member
from ray import cloudpickle
from ray.tune.schedulers import TrialScheduler

from hmlc_ray.config.schema import SectionType, kind_of, sections
from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.sweep.train.result import EVALUATIONS
from hmlc_ray.sweep.tune import recorder
from hmlc_ray.sweep.tune.next_trial import LiveTrials
from hmlc_ray.sweep.tune.schedulers import SCHEDULERS, build_scheduler

METRIC, TRIALS, LAST = "val/probe_top1/mean", 6, 4
CLASSES = sections(StudyConfig.model_fields["scheduler"])
every_scheduler = pytest.mark.parametrize("section", CLASSES, ids=kind_of)
Seen = dict[int, dict[int, float]]
Decisions = dict[tuple[int, int], str]


@dataclass
class Trial:
    number: int
    trial_id: str

    @property
    def config(self) -> dict[str, Any]:
        return {"number": self.number, "trial": {"evaluation": {"every": 1}}}


@dataclass
class Session:
    seen_before: Seen = field(default_factory=dict)


def value(number: int, evaluation: int) -> float:
    return (number * 5 % TRIALS + evaluation) / 10


class Driver:
    """A driver's scheduler with all trials, and what it decides about their results."""

    def __init__(self, section: SectionType, name: str, seen: Seen, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(recorder, "_active", Session(seen))
        self.scheduler = build_scheduler(member(section))
        self.scheduler.set_search_properties(METRIC, "max")
        self.trials = [Trial(number, f"{name}{number}") for number in range(TRIALS)]
        for trial in self.trials:
            self.scheduler.on_trial_add(None, trial)

    def decide(self, evaluations: range, ended: set[int]) -> Decisions:
        decisions: Decisions = {}
        for evaluation in evaluations:
            for trial in self.trials:
                if trial.number in ended:
                    continue
                metrics = {METRIC: value(trial.number, evaluation)}
                history = [{"epoch": evaluation, "metrics": metrics}]
                counts = {"epoch": evaluation, "total_epochs": LAST, EVALUATIONS: evaluation}
                decision = str(self.scheduler.on_trial_result(None, trial, {**metrics, **counts, "history": history}))
                decisions[trial.number, evaluation] = decision
                if decision == TrialScheduler.STOP:
                    ended.add(trial.number)
        return decisions


def test_the_table_has_every_kind_and_no_other() -> None:
    assert {*SCHEDULERS} == {*map(kind_of, CLASSES)}


def test_without_one_every_trial_runs_to_its_end() -> None:
    assert type(build_scheduler(None)) is LiveTrials


@every_scheduler
def test_a_study_that_names_no_kind_has_the_first(section: SectionType) -> None:
    values = {"name": "s", "scheduler": {}}
    study = StudyConfig.model_validate(values)
    assert study.scheduler is not None
    assert study.scheduler.kind in SCHEDULERS
    assert kind_of(section) in SCHEDULERS


@every_scheduler
def test_it_lets_trials_go_on_or_stops_them(section: SectionType, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = Driver(section, "a", {}, monkeypatch)
    decisions = driver.decide(range(1, LAST + 1), set())
    assert {*decisions.values()} <= {TrialScheduler.CONTINUE, TrialScheduler.STOP}
    best = max(range(TRIALS), key=lambda number: value(number, LAST))
    assert decisions[best, LAST] == TrialScheduler.CONTINUE, "the best trial ends by itself"


@every_scheduler
def test_a_resumed_study_stops_the_trials_that_the_undisturbed_one_stops(
    section: SectionType, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = Driver(section, "a", {}, monkeypatch).decide(range(1, LAST + 1), set())
    ended: set[int] = set()
    before = Driver(section, "b", {}, monkeypatch).decide(range(1, 3), ended)
    seen: Seen = {}
    for number, evaluation in before:
        seen.setdefault(number, {})[evaluation] = value(number, evaluation)
    after = Driver(section, "c", seen, monkeypatch).decide(range(3, LAST + 1), ended)
    assert before | after == undisturbed


@every_scheduler
def test_tune_can_pickle_it(section: SectionType) -> None:
    assert type(cloudpickle.loads(cloudpickle.dumps(build_scheduler(member(section))))) is type(
        build_scheduler(member(section))
    )
