"""What every sampler of a study promises: a resumed study draws what the undisturbed one would have."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import optuna
import pytest
from conformance.members import member

from hmlc_ray.config.schema import SectionType, kind_of, sections
from hmlc_ray.config.space import SearchSpace
from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.sweep.tune import recorder
from hmlc_ray.sweep.tune.samplers import SAMPLERS, NumberedSampler, build_sampler
from hmlc_ray.sweep.tune.search import StudySearch

METRIC, TRIALS = "val/probe_top1/mean", 14
CLASSES = sections(StudyConfig.model_fields["sampler"])
every_sampler = pytest.mark.parametrize("section", CLASSES, ids=kind_of)
SPACE = {
    "objective.temperature": {"float": [0.05, 0.5], "log": True},
    "objective.level_weights": {"simplex": 3},
    "objective": {"branch": {"g-hmlc": {"mixture_components": {"int": [2, 6]}}, "a-hmlc": None}},
}
FINITE = {"objective.kind": {"choice": ["supcon", "simclr"]}, "training.epochs": {"int": [1, 2]}}


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def search(
    file: Path, section: SectionType, space: dict[str, Any], *, seed: int = 0, trials: int = TRIALS
) -> StudySearch:
    study = StudyConfig(name="s", num_trials=trials, seed=seed, sampler=member(section))
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    return StudySearch(SearchSpace.parse(space, {}, "test"), study, storage)


def drawn(searcher: StudySearch, numbers: range) -> list[dict[str, Any]]:
    """The suggestions of trials that end at once, each with a value of its own."""
    found = []
    for number in numbers:
        suggestion = searcher.suggest(f"t{number}")
        assert isinstance(suggestion, dict)
        found.append(suggestion)
        value = suggestion["objective.temperature"]
        searcher.on_trial_complete(f"t{number}", {METRIC: value, "epoch": 1, "total_epochs": 1})
    return found


def test_the_table_has_every_kind_and_no_other() -> None:
    assert {*SAMPLERS} == {*map(kind_of, CLASSES)}
    assert len(get_args(StudyConfig.model_fields["sampler"].annotation)) == len(CLASSES)


@every_sampler
def test_it_draws_from_a_numbered_stream(section: SectionType) -> None:
    sampler = build_sampler(StudyConfig(name="s", sampler=member(section)))
    assert isinstance(sampler, NumberedSampler)
    assert sampler.stream.seed_of(3, "x") == build_sampler(
        StudyConfig(name="s", sampler=member(section))
    ).stream.seed_of(3, "x")


@every_sampler
def test_a_resumed_study_draws_what_the_undisturbed_one_draws(section: SectionType, tmp_path: Path) -> None:
    undisturbed = drawn(search(tmp_path / "a.db", section, SPACE), range(TRIALS))
    begun = search(tmp_path / "b.db", section, SPACE)
    first = drawn(begun, range(12))
    begun.save(str(tmp_path / "state"))
    resumed = search(tmp_path / "b.db", section, SPACE)
    resumed.restore(str(tmp_path / "state"))
    assert first + drawn(resumed, range(12, TRIALS)) == undisturbed
    assert drawn(search(tmp_path / "c.db", section, SPACE, seed=1), range(3)) != undisturbed[:3]


@every_sampler
def test_a_finite_space_is_drawn_once_and_whole(
    section: SectionType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Session:
        ended_before = frozenset[int]()
        used_up: int | None = None

        def space_is_used_up(self, count: int) -> None:
            self.used_up = count

    session = Session()
    monkeypatch.setattr(recorder, "_active", session)
    searcher = search(tmp_path / "a.db", section, FINITE)
    found = [searcher.suggest(f"t{number}") for number in range(5)]
    points = [(one["objective.kind"], one["training.epochs"]) for one in found[:4] if isinstance(one, dict)]
    assert sorted(points) == [("simclr", 1), ("simclr", 2), ("supcon", 1), ("supcon", 2)]
    assert not isinstance(found[4], dict)
    assert session.used_up == 4
