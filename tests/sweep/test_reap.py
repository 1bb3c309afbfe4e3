"""What a crash left RUNNING, closed where no driver is alive."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.errors import StudyError
from hmlc_ray.home import Home
from hmlc_ray.study import heartbeat, schema
from hmlc_ray.study.folder import driven, save_study
from hmlc_ray.study.heartbeat import refuse_alive
from hmlc_ray.study.schema import RunKind
from hmlc_ray.study.status import statuses
from hmlc_ray.study.summary import SweepCounts
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.reap import Reaped, reap
from hmlc_ray.sweep.tune.optuna_reopen import reopen_unfinished
from hmlc_ray.sweep.tune.optuna_storage import TrialStorage
from hmlc_ray.tracking import Tracker
from hmlc_ray.tracking.drivers import identity, life

SWEEP = SweepConfig.model_validate({"study": {"name": "s", "num_trials": 2}, "space": {"seed": {"int": [0, 1]}}})


class Quiet:
    def update(self, counts: SweepCounts) -> None:
        raise AssertionError(counts)

    def note(self, text: str) -> None:
        pass


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("MLFLOW_TRACKING_URI", "HMLC_STORAGE", "HMLC_OPTUNA_STORAGE"):
        monkeypatch.delenv(name, raising=False)
    return Home.of(tmp_path)


@pytest.fixture(scope="module")
def dead() -> str:
    """The name of a process of this machine that has ended."""
    code = "from hmlc_ray.tracking.drivers import identity; print(identity())"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def left_behind(home: Home, driver: str) -> tuple[Tracker, str]:
    """A study as a killed driver leaves it: one trial ended, one running; also in Optuna."""
    tracker = Workspace(home).open_tracker()
    save_study(SWEEP, home)
    parent = tracker.study_run("s", tags={}, params={"study.num_trials": 2})
    tracker.set_tags(parent, {schema.DRIVER: driver})
    study = optuna.create_study(study_name="s", storage=TrialStorage(SWEEP.study, home).open(), direction="maximize")
    for number in range(2):
        study.ask()
        tracker.trial_run(parent, str(number), name=f"s-{number}", params={}, tags={})
    study.tell(0, 0.5)
    done = next(run for run in tracker.children(parent) if run.trial_id == "0")
    tracker.finish(done.run_id, "FINISHED")
    return tracker, parent


def test_runs_and_trials_of_a_dead_driver_are_closed_and_can_go_on(home: Home, dead: str) -> None:
    tracker, parent = left_behind(home, dead)
    assert statuses("s", Workspace.of(home.root))[0].state == "died"
    assert reap("s", Workspace.of(home.root), Quiet()) == [Reaped("s", 2, 1)]
    assert {run.trial_id: run.status for run in tracker.children(parent)} == {"0": "FINISHED", "1": "KILLED"}
    assert tracker.run(parent).status == "KILLED"
    assert reap(None, Workspace.of(home.root), Quiet()) == []

    storage = TrialStorage(SWEEP.study, home).open()
    states = [trial.state.name for trial in optuna.load_study(study_name="s", storage=storage).trials]
    assert states == ["COMPLETE", "FAIL"]
    assert reopen_unfinished(TrialStorage(SWEEP.study, home), tracker) == 1
    states = [trial.state.name for trial in optuna.load_study(study_name="s", storage=storage).trials]
    assert states == ["COMPLETE", "RUNNING"]


def test_a_driver_that_lives_is_left_alone(home: Home) -> None:
    tracker, parent = left_behind(home, identity())
    (found,) = reap(None, Workspace.of(home.root), Quiet())
    assert found.left is not None
    assert f"process {os.getpid()} on " in found.left
    assert tracker.run(parent).status == "RUNNING"
    with pytest.raises(StudyError, match=rf"study 's' is running: process {os.getpid()} on .* drives it"):
        refuse_alive("s", tracker)


def test_a_study_that_is_held_is_left_alone(home: Home, dead: str) -> None:
    left_behind(home, dead)
    with driven("s", home):
        (found,) = reap("s", Workspace.of(home.root), Quiet())
    assert "another process drives it" in str(found.left)


@pytest.mark.parametrize("beats", [True, False])
def test_a_driver_elsewhere_is_watched(home: Home, beats: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "STALE_S", 1.5)
    tracker, parent = left_behind(home, json.dumps({"host": "other", "pid": 1, "started": 0.0}))
    tracker.set_tags(parent, {schema.DRIVER_SEEN: f"{time.time():.0f}"})
    if beats:
        monkeypatch.setattr(
            heartbeat.time, "sleep", lambda _: tracker.set_tags(parent, {schema.DRIVER_SEEN: f"{time.time() + 10:.0f}"})
        )
    (found,) = reap("s", Workspace.of(home.root), Quiet())
    assert (found.left, found.runs) == (("process 1 on other drives it", 0) if beats else (None, 2))


def test_single_runs_are_closed_on_their_own_machine_alone(home: Home, dead: str) -> None:
    tracker = Workspace(home).open_tracker()
    away = json.dumps({"host": "other", "pid": 1, "started": 0.0})
    runs = [tracker.single_run("r", params={}, tags={schema.DRIVER: driver}) for driver in (dead, identity(), away)]
    found = {entry.name: entry for entry in reap(None, Workspace.of(home.root), Quiet())}
    assert [found[run].runs for run in runs] == [1, 0, 0]
    assert found[runs[2]].left == "process 1 on other may train it; only that machine can know"
    assert [tracker.run(run).status for run in runs] == ["KILLED", "RUNNING", "RUNNING"]


def test_benchmarks_are_closed_like_single_runs(home: Home, dead: str) -> None:
    tracker = Workspace(home).open_tracker()
    away = json.dumps({"host": "other", "pid": 1, "started": 0.0})
    runs = [
        tracker.study_run(f"b{number}", params={}, tags={schema.DRIVER: driver}, kind=RunKind.BENCHMARK)
        for number, driver in enumerate((dead, identity(), away))
    ]
    found = {entry.name: entry for entry in reap(None, Workspace.of(home.root), Quiet())}
    assert found[runs[0]] == Reaped(runs[0], 1, is_study=False)
    assert [found[run].left for run in runs[1:]] == [
        f"process {os.getpid()} on {platform.node()} drives it",
        "process 1 on other may drive it; only that machine can know",
    ]
    assert [tracker.run(run).status for run in runs] == ["KILLED", "RUNNING", "RUNNING"]


def test_a_benchmark_is_closed_by_its_name_with_its_studies_and_no_others(home: Home, dead: str) -> None:
    tracker = Workspace(home).open_tracker()
    mine, other = (
        tracker.study_run(name, params={}, tags={schema.DRIVER: dead}, kind=RunKind.BENCHMARK) for name in ("b", "c")
    )
    below = SWEEP.model_copy(update={"study": SWEEP.study.model_copy(update={"name": "b.cells-1"})})
    save_study(below, home)
    first, second = (
        tracker.study_run(name, params={}, tags={schema.DRIVER: dead, schema.PARENT: parent})
        for name, parent in (("b.cells-1", mine), ("c.cells-1", other))
    )
    found = {entry.name: entry for entry in reap("b", Workspace.of(home.root), Quiet())}
    assert found == {mine: Reaped(mine, 1, is_study=False), "b.cells-1": Reaped("b.cells-1", 1)}
    states = [tracker.run(run).status for run in (mine, first, other, second)]
    assert states == ["KILLED", "KILLED", "RUNNING", "RUNNING"]


def test_names_that_are_not_there(home: Home) -> None:
    with pytest.raises(StudyError, match=r"there is nothing to close: .* holds no runs"):
        reap("s", Workspace.of(home.root), Quiet())
    assert not (home.root / "mlflow.db").exists()
    Workspace(home).open_tracker().study_run("small", tags={}, params={})
    with pytest.raises(StudyError, match=r"there is no study 'smal' in .* \(did you mean 'small'\?\); it has small"):
        reap("smal", Workspace.of(home.root), Quiet())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"host": 1}', "null"])
def test_a_name_of_another_form_tells_nothing(text: str) -> None:
    assert life({schema.DRIVER: text}) == "unknown"
