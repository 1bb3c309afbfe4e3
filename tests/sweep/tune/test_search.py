"""Optuna under Tune: numbers survive the driver, pruned is not complete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from hmlc_ray.config.space import SearchSpace
from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.sweep.tune.search import StudySearch

METRIC = "val/probe_top1/mean"


@pytest.fixture
def storage(tmp_path: Path) -> optuna.storages.BaseStorage:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'optuna.db'}")


def search(storage: optuna.storages.BaseStorage, seed: int = 0, sampler: dict[str, str] | None = None) -> StudySearch:
    space = {
        "objective.temperature": {"float": [0.05, 0.5], "log": True},
        "objective": {"branch": {"g-hmlc": {"mixture_components": {"int": [2, 6]}}, "a-hmlc": None}},
    }
    study = StudyConfig(name="s", num_trials=8, seed=seed, sampler=sampler or {"kind": "random"})
    return StudySearch(SearchSpace.parse(space, {}, "test"), study, storage)


def result(value: float, epoch: int = 4) -> dict[str, Any]:
    return {METRIC: value, "epoch": epoch, "total_epochs": 4}


def states(storage: optuna.storages.BaseStorage) -> list[tuple[str, float | None]]:
    return [(t.state.name, t.value) for t in optuna.load_study(study_name="s", storage=storage).trials]


def test_a_suggestion_is_a_whole_configuration_with_its_number(storage: optuna.storages.BaseStorage) -> None:
    suggestion = search(storage).suggest("t0")
    assert suggestion is not None
    assert suggestion["number"] == 0
    assert suggestion["trial"]["objective"]["kind"] == suggestion["objective.kind"]
    assert suggestion["trial"]["objective"]["temperature"] == suggestion["objective.temperature"]


def test_completed_pruned_and_failed_are_told_apart(storage: optuna.storages.BaseStorage) -> None:
    searcher = search(storage)
    for name in ("done", "stopped", "broken"):
        searcher.suggest(name)
    searcher.on_trial_result("stopped", result(0.3, epoch=2))
    searcher.on_trial_complete("done", result(0.9))
    searcher.on_trial_complete("stopped", result(0.3, epoch=2))
    searcher.on_trial_complete("broken", error=True)
    assert states(storage) == [("COMPLETE", 0.9), ("PRUNED", 0.3), ("FAIL", None)]


def test_a_restored_driver_hands_orphans_out_again(storage: optuna.storages.BaseStorage, tmp_path: Path) -> None:
    """The first driver suggests t1 after its last snapshot, and dies; even a finished orphan keeps its number."""
    first = search(storage)
    first.suggest("t0")
    first.save(str(tmp_path / "state"))
    lost = first.suggest("t1")
    ended = first.suggest("t2")
    first.on_trial_complete("t2", result(0.7))

    second = search(storage, seed=1)
    second.restore(str(tmp_path / "state"))
    assert second.suggest("a") == lost
    assert second.suggest("b") == ended
    fresh = second.suggest("c")
    assert fresh is not None
    assert fresh["number"] == 3

    second.on_trial_result("b", result(0.1, epoch=2))
    second.on_trial_complete("b", result(0.1))  # repeated, and told before: the first word stands
    second.on_trial_complete("t0", result(0.5))
    assert states(storage) == [("COMPLETE", 0.5), ("RUNNING", None), ("COMPLETE", 0.7), ("RUNNING", None)]


def test_the_same_seed_draws_the_same_trials(tmp_path: Path) -> None:
    stores = [optuna.storages.RDBStorage(f"sqlite:///{tmp_path / name}.db") for name in "ab"]
    first, second = map(search, stores)
    drawn = [first.suggest(str(i)) for i in range(3)]
    assert drawn == [second.suggest(str(i)) for i in range(3)]
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("sampler", [{"kind": "random"}, {"kind": "tpe"}])
def test_a_restored_driver_draws_what_an_undisturbed_one_would(sampler: dict[str, str], tmp_path: Path) -> None:
    """Even where the first one died between two parameters of a trial."""
    undisturbed, disturbed = (optuna.storages.RDBStorage(f"sqlite:///{tmp_path / name}.db") for name in "ab")
    whole = search(undisturbed, sampler=sampler)
    expected = [whole.suggest(str(i)) for i in range(3)]

    first = search(disturbed, sampler=sampler)
    first.suggest("0")
    first.save(str(tmp_path / "state"))
    torn = first._ot_study.ask()
    torn.suggest_categorical("objective.kind", ["g-hmlc", "a-hmlc"])
    second = search(disturbed, sampler=sampler)
    second.restore(str(tmp_path / "state"))
    assert [second.suggest("1"), second.suggest("2")] == expected[1:]
