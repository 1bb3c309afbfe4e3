"""How a study stands, by the tag that its driver keeps, against what its trials' runs say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from hmlc_ray.errors import StoreAway
from hmlc_ray.home import Home
from hmlc_ray.study import progress, schema
from hmlc_ray.study.progress import StatusSnapshot, StatusWriter, forget_driven, status_snapshot
from hmlc_ray.study.schema import StudyStatus
from hmlc_ray.study.status import StudyOverview, statuses
from hmlc_ray.study.summary import BestSoFar, SweepCounts
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker
from hmlc_ray.tracking.drivers import identity

NOW = StatusSnapshot(SweepCounts(total=4, running=1, completed=2, best=0.7), 1, BestSoFar(1, 0.7, "run1"))


@pytest.fixture
def parent(tracker: Tracker) -> str:
    return tracker.study_run("s", tags={}, params={"study.num_trials": 4})


def write(tracker: Tracker, parent: str, now: StatusSnapshot, folder: Path = Path("/nowhere")) -> None:
    """To the tag, and into the file of a study's folder that is there."""
    writer = StatusWriter(tracker, parent, folder, "val/knn_top1/mean")
    writer.update(now)
    writer.flush()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = Home.of(tmp_path).study("s")
    folder.mkdir(parents=True)
    return folder


def asked(tmp_path: Path) -> StudyStatus:
    return statuses("s", Workspace.of(tmp_path))[0]


def test_a_driven_study_is_told_by_its_tag_alone(
    tracker: Tracker, parent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tracker, parent, NOW)
    monkeypatch.setattr(Tracker, "children", lambda *_: pytest.fail("the trials' runs were loaded"))
    status = asked(tmp_path)
    assert (status.state, status.counts, status.interrupted, status.best) == ("running", NOW.counts, 1, NOW.best)


@pytest.mark.parametrize("ended", ["FINISHED", "KILLED", "FAILED"])
def test_the_trials_of_a_study_that_ended_are_asked(tracker: Tracker, parent: str, tmp_path: Path, ended: str) -> None:
    write(tracker, parent, NOW)
    tracker.finish(parent, ended)  # type: ignore[arg-type]
    assert asked(tmp_path).counts == SweepCounts(total=4)


def test_what_an_earlier_driver_left_is_not_believed(tracker: Tracker, parent: str, tmp_path: Path) -> None:
    write(tracker, parent, NOW)
    own = json.loads(identity())
    tracker.set_tags(parent, {schema.DRIVER: json.dumps(own | {"job": "another"})})
    assert status_snapshot(tracker.run(parent)) is None
    dead = json.dumps(own | {"start": own["start"] - 100})
    tracker.set_tags(parent, {schema.DRIVER: dead, schema.STANDING: json.dumps({"driver": dead, **asdict(NOW)})})
    status = asked(tmp_path)
    assert (status.state, status.counts) == ("died", SweepCounts(total=4))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"driver": 1}', '{"counts": 3, "best": null}'])
def test_a_tag_of_another_form_is_none(tracker: Tracker, parent: str, text: str) -> None:
    tracker.set_tags(parent, {schema.STANDING: text})
    assert status_snapshot(tracker.run(parent)) is None


def test_a_best_run_that_waits_to_be_created_is_looked_for_among_the_trials(tracker: Tracker, parent: str) -> None:
    write(tracker, parent, replace(NOW, best=BestSoFar(1, 0.7, f"{parent}/1")))
    assert status_snapshot(tracker.run(parent)) is None


def test_writes_are_rare_and_none_is_forgotten(tracker: Tracker, parent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    writer, later = StatusWriter(tracker, parent, Path("/nowhere"), "m"), replace(NOW, interrupted=0)
    writer.flush()
    assert schema.STANDING not in tracker.run(parent).tags
    for now in (NOW, later):
        writer.update(now)
        writer.flush()
    assert status_snapshot(tracker.run(parent)) == NOW
    clock[0] += progress.EVERY_S
    writer.flush()
    assert status_snapshot(tracker.run(parent)) == later
    writer.update(NOW)
    writer.flush(last=True)
    assert status_snapshot(tracker.run(parent)) == NOW
    monkeypatch.setattr(Tracker, "set_tags", lambda *_: pytest.fail("written again, though nothing changed"))
    clock[0] += progress.EVERY_S
    writer.flush()


def test_a_run_that_a_store_made_late_is_told_by_its_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = Workspace(Home.of(tmp_path)).open_tracker(driving="s")
    parent = tracker.study_run("s", tags={}, params={})
    with monkeypatch.context() as away:
        away.setattr(tracker._writer, "apply", lambda _: _raise(StoreAway("away")))
        waiting = tracker.trial_run(parent, "1", name="s-1", params={}, tags={})
    assert waiting == f"{parent}/1"
    tracker.send_pending()
    write(tracker, parent, replace(NOW, best=BestSoFar(1, 0.7, waiting)))
    found = status_snapshot(tracker.run(parent))
    assert found is not None
    assert found.best == BestSoFar(1, 0.7, tracker.children(parent)[0].run_id)


def test_a_tag_that_cannot_be_written_ends_nothing(tracker: Tracker, parent: str) -> None:
    tracker._client.delete_run(parent)
    write(tracker, parent, NOW)
    assert schema.STANDING not in tracker.run(parent).tags


def test_on_the_driver_s_machine_its_file_tells_all_and_mlflow_is_not_loaded(
    tracker: Tracker, parent: str, tmp_path: Path, folder: Path
) -> None:
    write(tracker, parent, NOW, folder)
    assert asked(tmp_path) == StudyOverview(
        "s", StudyStatus.RUNNING, NOW.counts, 1, "val/knn_top1/mean", NOW.best, Home.of(tmp_path).tracking_uri
    )
    code = (
        "import sys; from pathlib import Path; from hmlc_ray.study.status import statuses; "
        "from hmlc_ray.study.workspace import Workspace; "
        "print(statuses('s', Workspace.of(Path(sys.argv[1])))[0].counts.running, "
        "sorted({'mlflow', 'ray', 'torch', 'optuna'} & set(sys.modules)))"
    )
    own = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    done = subprocess.run([sys.executable, "-c", code, tmp_path], env=own, capture_output=True, text=True, timeout=200)
    assert (done.stdout, done.stderr) == ("1 []\n", "")


@pytest.mark.parametrize(
    "changed",
    [
        {"driver": json.dumps(json.loads(identity()) | {"start": 1})},
        {"driver": json.dumps(json.loads(identity()) | {"host": "another"})},
        {"store": "sqlite:////another.db"},
        {"best": {"number": 1, "value": 0.7, "run_id": "waits/1"}},
        {"counts": {}},
        {"counts": None},
    ],
)
def test_a_file_that_cannot_be_believed_is_not(
    tracker: Tracker, parent: str, tmp_path: Path, folder: Path, changed: dict[str, object]
) -> None:
    write(tracker, parent, NOW, folder)
    file = folder / progress.FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))
    tracker.finish(parent, "KILLED")
    assert asked(tmp_path).state == "interrupted"
    for text in ("", "{", "[]", "null"):
        file.write_text(text)
        assert asked(tmp_path).state == "interrupted"


def test_a_file_that_cannot_be_written_is_not_left_behind(
    tracker: Tracker, parent: str, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old one would be believed as long as the driver lives."""
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    writer, later = StatusWriter(tracker, parent, folder, "m"), replace(NOW, interrupted=0)
    writer.update(NOW)
    writer.flush()
    writer.update(later)
    with monkeypatch.context() as full:
        full.setattr(os, "replace", lambda *_: _raise(OSError(28, "No space left on device")))
        writer.flush()
    assert list(folder.iterdir()) == []
    assert asked(tmp_path).interrupted == 0


def test_a_study_that_is_not_driven_any_more_has_no_file(
    tracker: Tracker, parent: str, tmp_path: Path, folder: Path
) -> None:
    write(tracker, parent, NOW, folder)
    tracker.finish(parent, "FINISHED")
    assert asked(tmp_path).state == "running"
    forget_driven(folder)
    forget_driven(folder)
    assert asked(tmp_path).state == "complete"


def _raise(error: Exception) -> None:
    raise error
