"""A study that starts from the best points of an earlier one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import optuna
import pytest

from hmlc_ray.config.sweep import SweepConfig, load_sweep
from hmlc_ray.errors import StudyError
from hmlc_ray.home import Home
from hmlc_ray.study import schema
from hmlc_ray.study.folder import save_study
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.start_from import with_start
from hmlc_ray.sweep.tune.search import StudySearch

TEMPERATURE = {"objective.temperature": {"float": [0.05, 0.5], "log": True}}
EARLIER = [
    ("completed", 0.7, {"objective.temperature": 0.1, "objective.level_weights.stick0": 0.25}),
    ("completed", 0.9, {"objective.temperature": 0.2, "objective.level_weights.stick0": 0.75}),
    ("completed", 0.8, {"objective.temperature": 0.9, "objective.level_weights.stick0": 0.75}),
    ("pruned", 0.99, {"objective.temperature": 0.3, "objective.level_weights.stick0": 0.5}),
    ("failed", None, {"objective.temperature": 0.4, "objective.level_weights.stick0": 0.5}),
    ("completed", 0.6, {"objective.temperature": 0.2, "objective.level_weights.stick0": 0.75}),
]


def sweep_of(name: str, space: dict[str, Any] = TEMPERATURE, **study: Any) -> SweepConfig:
    return load_sweep({"study": {"name": name, "num_trials": 4, **study}, "space": space})


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """With the study `earlier`."""
    workspace = Workspace(Home.of(tmp_path / "home"))
    tracker = workspace.open_tracker()
    save_study(sweep_of("earlier", {**TEMPERATURE, "objective.level_weights": {"simplex": 2}}), workspace.home)
    parent = tracker.study_run("earlier", tags={}, params={})
    for number, (status, value, params) in enumerate(EARLIER):
        run_id = tracker.trial_run(parent, str(number), name=str(number), params={}, tags={})
        tags = {schema.STATUS: status, schema.SEARCHED: json.dumps(params)}
        tracker.set_tags(run_id, tags | ({} if value is None else {schema.VALUE: repr(value)}))
    return workspace


def started(workspace: Workspace, sweep: SweepConfig) -> tuple[SweepConfig, list[str]]:
    notes: list[str] = []
    return with_start(sweep, workspace, workspace.open_tracker(), notes.append), notes


def test_the_best_completed_trials_come_first_as_far_as_the_space_has_them(workspace: Workspace) -> None:
    sweep, notes = started(workspace, sweep_of("next", start={"study": "earlier"}))
    assert [*sweep.study.start.points] == [{"objective.temperature": 0.2}, {"objective.temperature": 0.1}]
    assert notes == ["starting with the points of 2 trials of study earlier"]
    again, notes = started(workspace, sweep)  # a repetition of the saved configuration
    assert (again, notes) == (sweep, [])


def test_so_many_as_are_asked_for_with_all_that_both_search(workspace: Workspace) -> None:
    space = {**TEMPERATURE, "objective.level_weights": {"simplex": 2}, "training.epochs": {"int": [2, 9]}}
    sweep, _ = started(workspace, sweep_of("next", space, start={"study": "earlier", "trials": 2}))
    first, second = sweep.study.start.points
    assert first == {"objective.temperature": 0.2, "objective.level_weights": pytest.approx([0.75, 0.25])}
    assert second == {"objective.level_weights": pytest.approx([0.75, 0.25])}


@pytest.mark.parametrize(
    ("name", "space", "sentence"),
    [
        ("earlyer", TEMPERATURE, r"study.start.study: there is no study .*\(did you mean 'earlier'\?\)"),
        (
            "earlier",
            {"optimiser.learning_rate": {"float": [0.1, 1]}},
            "4 completed trials, none of which has a value that",
        ),
    ],
)
def test_what_has_nothing_to_give_is_refused(workspace: Workspace, name: str, space: Any, sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        started(workspace, sweep_of("next", space, start={"study": name}))


def drawn(sweep: SweepConfig, storage: str, count: int) -> list[dict[str, Any]]:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search = StudySearch(sweep.search_space(), sweep.study, optuna.storages.RDBStorage(storage))
    trials = []
    for index in range(count):
        assert search.suggest(str(index)) is not None
    trials = optuna.load_study(study_name=sweep.study.name, storage=storage).trials
    return [trial.params for trial in trials]


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_the_points_are_the_first_trials_and_what_they_leave_out_is_drawn(sampler: str, tmp_path: Path) -> None:
    space = {**TEMPERATURE, "training.epochs": {"int": [2, 900]}}
    points = [{"objective.temperature": 0.2}, {"training.epochs": 7, "objective.temperature": 0.3}]
    plain = sweep_of("s", space, sampler={"kind": sampler})
    given = sweep_of("s", space, sampler={"kind": sampler}, start={"points": points})
    without = drawn(plain, f"sqlite:///{tmp_path / 'a.db'}", 3)
    found = drawn(given, f"sqlite:///{tmp_path / 'b.db'}", 3)
    assert found[0] == {"objective.temperature": 0.2, "training.epochs": without[0]["training.epochs"]}
    assert found[1] == {"training.epochs": 7, "objective.temperature": 0.3}
    assert found[2] == without[2]  # draws depend on the seed and the number, not on what was given


def test_a_point_is_tried_once(tmp_path: Path) -> None:
    """Given twice in a space of three points: the rest is drawn as ever, and the space comes to its end."""
    sweep = sweep_of("s", {"seed": {"int": [0, 2]}}, start={"points": [{"seed": 1}, {"seed": 1}]})
    found = drawn(sweep, f"sqlite:///{tmp_path / 'a.db'}", 3)
    assert found[0] == {"seed": 1}
    assert sorted(point["seed"] for point in found) == [0, 1, 2]
