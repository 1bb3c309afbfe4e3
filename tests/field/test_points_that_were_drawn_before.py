"""A point of a search space is drawn once; a study whose space is used up ends, and says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FixedTrial
from progress_notes import Notes
from ray.tune.search import Searcher
from sandbox import Sandbox
from small_space import small_space
from sweep_fixtures import study_context

from hmlc_ray.cli.check import sweep_lines
from hmlc_ray.config.finite import point_at, size_of
from hmlc_ray.config.space import SearchSpace
from hmlc_ray.config.sweep import StudyConfig, SweepConfig
from hmlc_ray.home import Home
from hmlc_ray.study.best import best_trial
from hmlc_ray.study.status import statuses
from hmlc_ray.study.storage import Results
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.tune.recorder import SweepSession, activate
from hmlc_ray.sweep.tune.retention import Retention
from hmlc_ray.sweep.tune.search import StudySearch
from hmlc_ray.tracking import Tracker

METRIC = "val/probe_top1/mean"
SMALL: dict[str, Any] = {
    "training.epochs": {"int": [1, 2]},
    "objective": {"branch": {"supcon": {"level": {"choice": ["leaf", 0]}}, "simclr": None}},
}
POINTS = 2 * (2 + 1)
SAMPLERS = pytest.mark.parametrize("sampler", [{"kind": "random"}, {"kind": "tpe", "startup_trials": 2}])


class Session:
    """What a searcher tells a driver's session."""

    ended_before: frozenset[int] = frozenset()
    used_up: int | None = None

    def space_is_used_up(self, trials: int) -> None:
        self.used_up = trials


@pytest.fixture(autouse=True)
def session() -> Iterator[Session]:
    found = Session()
    activate(found)  # type: ignore[arg-type]
    yield found
    activate(None)


def search(
    file: Path, sampler: dict[str, Any], space: dict[str, Any] | None = None, trials: int = 50, seed: int = 0
) -> StudySearch:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = StudyConfig.model_validate({"name": "s", "num_trials": trials, "seed": seed, "sampler": sampler})
    parsed = SearchSpace.parse(SMALL if space is None else space, {}, "test")
    return StudySearch(
        parsed, study, optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(file)))
    )


def result(value: float) -> dict[str, Any]:
    return {METRIC: value, "epoch": 2, "total_epochs": 2}


def draw(searcher: StudySearch, names: list[str]) -> list[dict[str, Any]]:
    """The trials of these names; some of the first end, some fail, some still run when the next is drawn."""
    drawn: list[dict[str, Any]] = []
    for name in names:
        suggestion = searcher.suggest(name)
        if suggestion == Searcher.FINISHED:
            break
        assert isinstance(suggestion, dict)
        drawn.append(suggestion)
        if suggestion["number"] % 3 == 0:
            searcher.on_trial_complete(name, result(0.5 + suggestion["trial"]["training"]["epochs"] / 10))
        elif suggestion["number"] % 3 == 1:
            searcher.on_trial_complete(name, error=True)
    return drawn


def trials_of(drawn: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(suggestion["trial"], sort_keys=True) for suggestion in drawn]


NAMES = [f"t{number}" for number in range(POINTS + 3)]


@SAMPLERS
@pytest.mark.parametrize("seed", range(2))
def test_every_point_is_drawn_once_and_then_the_study_ends(
    sampler: dict[str, Any], seed: int, tmp_path: Path, session: Session
) -> None:
    searcher = search(tmp_path / "o.log", sampler, seed=seed)
    drawn = draw(searcher, NAMES)
    assert len(drawn) == len({*trials_of(drawn)}) == session.used_up == POINTS
    assert [suggestion["number"] for suggestion in drawn] == list(range(POINTS))
    assert searcher.suggest("more") == Searcher.FINISHED


@SAMPLERS
@pytest.mark.parametrize("seen", [0, 2, POINTS - 1, POINTS])
def test_a_resume_draws_what_is_left_as_an_undisturbed_study_would(
    sampler: dict[str, Any], seen: int, tmp_path: Path
) -> None:
    """Its driver may have died between drawing a point and making it a trial that runs."""
    expected = draw(search(tmp_path / "a.log", sampler), NAMES)
    first = search(tmp_path / "b.log", sampler)
    drawn = draw(first, NAMES[:seen])
    first.save(str(tmp_path / "state"))
    if seen < POINTS:
        torn = first._points.draw(first._ot_study, first._sampler, first._ot_study.get_trials())
        assert torn is not None
        first._ot_study.enqueue_trial(torn)
    second = search(tmp_path / "b.log", sampler)
    second.restore(str(tmp_path / "state"))
    drawn += draw(second, [f"u{number}" for number in range(POINTS)])
    assert trials_of(drawn) == trials_of(expected)


def test_no_more_trials_than_the_study_is_to_have(tmp_path: Path, session: Session) -> None:
    assert len(draw(search(tmp_path / "o.log", {"kind": "random"}, trials=2), NAMES)) == 2
    assert len(draw(search(tmp_path / "o.log", {"kind": "random"}, trials=2), NAMES)) == 2  # those two again: orphans
    assert session.used_up is None
    assert draw(search(tmp_path / "a.log", {"kind": "random"}, trials=0 + 1), NAMES)[0]["number"] == 0


def test_trials_that_ended_under_an_earlier_driver_are_not_handed_out_again(tmp_path: Path, session: Session) -> None:
    """Tune's snapshot is lost: the store alone knows of them."""
    draw(search(tmp_path / "o.log", {"kind": "random"}, trials=3), NAMES)
    session.ended_before = frozenset({0, 1})
    again = draw(search(tmp_path / "o.log", {"kind": "random"}, trials=5), NAMES)
    assert [suggestion["number"] for suggestion in again] == [2, 3, 4]


@pytest.mark.parametrize(
    ("extra", "size"),
    [
        ({"training.epochs": {"int": [1, 9], "step": 4}}, 3 * 3),
        ({"objective.temperature": {"float": [0.1, 0.4], "step": 0.1}}, POINTS * 4),
        ({"objective.temperature": {"float": [0.1, 0.1]}}, POINTS),
        ({"objective.temperature": {"float": [0.1, 0.2]}}, None),
        ({"objective.temperature": {"float": [0.1, 0.2], "log": True}}, None),
        ({"seed": {"int": [0, 2**32 - 1]}}, POINTS * 2**32),
        ({"seed": 3, "optimiser.kind": {"choice": ["sgd", "adamw"]}}, POINTS * 2),
        ({"objective": {"branch": {"a-hmlc": {"level_weights": {"simplex": 3}}, "simclr": None}}}, None),
        ({"objective": {"branch": {"a-hmlc": {"level_weights": {"simplex": 1}}, "simclr": None}}}, 4),
    ],
)
def test_how_many_points_a_space_has(extra: dict[str, Any], size: int | None) -> None:
    assert size_of(SearchSpace.parse(SMALL | extra, {}, "test")) == size


DIMENSIONS = st.sampled_from(
    [
        {"int": [1, 3]},
        {"choice": ["leaf", 0, 1]},
        {"choice": [1, 1.0, True, "1"]},
        {"float": [0.1, 0.3], "step": 0.1},
        {"choice": [[0.5, 1], [1, 0.5]]},
        {"int": [1, 2], "log": True},
        7,
    ]
)


class Free(SearchSpace):
    """What is drawn, whether or not it makes a trial."""

    def assemble(self, chosen: Any, drawn: Any, source: Any = None) -> Any:
        return {**{f"{section}.kind": kind for section, kind in chosen.items()}, **drawn}


@settings(max_examples=30, deadline=None)
@given(
    shared=st.dictionaries(st.sampled_from(["seed", "training.epochs"]), DIMENSIONS, max_size=2),
    branches=st.dictionaries(
        st.sampled_from(["supcon", "simclr", "hmce"]),
        st.dictionaries(st.sampled_from(["level", "chunk"]), DIMENSIONS, max_size=2),
        min_size=1,
    ),
)
def test_the_numbered_points_are_all_that_can_be_drawn(shared: dict[str, Any], branches: dict[str, Any]) -> None:
    space = Free(*SearchSpace.parse({**shared, "objective": {"branch": branches}}, {}, "test"))
    size = size_of(space)
    assert size is not None
    points = [point_at(space, index) for index in range(size)]
    drawn = {repr(space.suggest(FixedTrial(point))) for point in points}
    assert len(drawn) == size
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    assert {repr(space.suggest(study.ask())) for _ in range(5)} <= drawn
    with pytest.raises(IndexError):
        point_at(space, size)


@SAMPLERS
def test_numbers_without_steps_come_to_no_end_and_stay_clean_with_them(
    sampler: dict[str, Any], tmp_path: Path, session: Session
) -> None:
    smooth = {"objective.temperature": {"float": [0.1, 0.2]}}
    assert len({*trials_of(draw(search(tmp_path / "a.log", sampler, smooth, trials=9), NAMES))}) == 9
    stepped = {"objective.temperature": {"float": [0.1, 0.4], "step": 0.1}}
    searcher = search(tmp_path / "b.log", sampler, stepped)
    drawn = draw(searcher, NAMES)
    assert sorted(suggestion["objective.temperature"] for suggestion in drawn) == [0.1, 0.2, 0.3, 0.4]
    stored = [trial.params["objective.temperature"] for trial in searcher._ot_study.trials]
    assert sorted(stored) == [0.1, 0.2, 0.3, 0.4]
    assert session.used_up == 4


def test_the_session_ends_with_the_space_and_tells_who_looks_on(tracker: Tracker, tmp_path: Path) -> None:
    from hmlc_ray.config.trial import TrialConfig

    study = StudyConfig(name="s", num_trials=9)
    parent = tracker.study_run("s", tags={}, params={"study.num_trials": 9})
    notes = Notes()
    retention = Retention("all", "max", tracker, Results.of(None, Home.of(tmp_path)), "s")
    made = SweepSession(study_context(study, tracker, notes, tmp_path), parent, retention)
    for number in range(2):
        made.started(number, TrialConfig(seed=number), {"seed": number})
        made.failed(number, "gone")
    assert made.unfinished()
    made.space_is_used_up(2)
    assert not made.unfinished()
    assert notes == ["every point of the search space is drawn: the study ends with 2 trials instead of 9"]
    assert notes.counts is not None
    assert notes.counts.total == 2
    resumed = SweepSession(study_context(study, tracker, Notes(), tmp_path), parent, retention)
    assert not resumed.unfinished()
    tracker.finish(parent, "FINISHED")
    (seen,) = statuses("s", Workspace.of(tmp_path))
    assert seen.counts is not None
    assert (seen.state, seen.counts.total) == ("complete", 2)
    assert seen.note == "every point of its search space is drawn, so it has 2 trials instead of 9"


def test_a_check_notes_that_there_are_fewer_points_than_trials() -> None:
    def lines(trials: int) -> list[str]:
        return sweep_lines(SweepConfig.model_validate({"study": {"name": "s", "num_trials": trials}, "space": SMALL}))

    assert lines(7)[-1] == "note: the space has 6 points and each is drawn once, so the study ends after 6 trials"
    assert not any("note" in line for line in lines(6))


@pytest.mark.journey
@pytest.mark.slow
def test_a_study_with_fewer_points_than_trials_is_complete_when_all_are_drawn(sandbox: Sandbox) -> None:
    space = sandbox.folder / "space.yaml"
    space.write_text(small_space("small").replace("{float: [0.05, 0.5]}", "{float: [0.1, 0.3], step: 0.1}"))
    done = sandbox.hmlc("sweep", str(space), "--trials", "8")
    assert done.returncode == 0, done.stderr
    assert "every point of the search space is drawn: the study ends with 3 trials instead of 8" in done.stdout
    searched = [json.loads(run.tags["hmlc.searched"])["objective.temperature"] for run in sandbox.trials()]
    assert sorted(searched) == [0.1, 0.2, 0.3]
    assert sandbox.parent().status == "FINISHED"
    assert best_trial("small", Workspace.of(sandbox.home.root)).row.status == "completed"
