"""How a study stands, by the tag that its driver keeps, against what its trials' runs say."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from hmlc_ray.home import Home
from hmlc_ray.summary import BestSoFar, SweepCounts
from hmlc_ray.sweep import standing
from hmlc_ray.sweep.standing import STANDING, Standing, StandingWriter, standing_of
from hmlc_ray.sweep.status import StudyStatus, statuses
from hmlc_ray.tracking import Tracker
from hmlc_ray.tracking.drivers import DRIVER, identity
from hmlc_ray.tracking.opening import open_tracker

NOW = Standing(SweepCounts(total=4, running=1, completed=2, best=0.7), 1, BestSoFar(1, 0.7, "run1"))


@pytest.fixture
def tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tracker:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return open_tracker(None, Home.of(tmp_path))


@pytest.fixture
def parent(tracker: Tracker) -> str:
    return tracker.study_run("s", tags={}, params={"study.num_trials": 4})


def asked(tmp_path: Path) -> StudyStatus:
    return statuses("s", home=tmp_path, tracking_uri=None)[0]


def test_a_driven_study_is_told_by_its_tag_alone(
    tracker: Tracker, parent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    StandingWriter(tracker, parent).update(NOW)
    monkeypatch.setattr(Tracker, "children", lambda *_: pytest.fail("the trials' runs were loaded"))
    status = asked(tmp_path)
    assert (status.state, status.counts, status.interrupted, status.best) == ("running", NOW.counts, 1, NOW.best)


@pytest.mark.parametrize("ended", ["FINISHED", "KILLED", "FAILED"])
def test_the_trials_of_a_study_that_ended_are_asked(tracker: Tracker, parent: str, tmp_path: Path, ended: str) -> None:
    StandingWriter(tracker, parent).update(NOW)
    tracker.finish(parent, ended)  # type: ignore[arg-type]
    assert asked(tmp_path).counts == SweepCounts(total=4)


def test_what_an_earlier_driver_left_is_not_believed(tracker: Tracker, parent: str, tmp_path: Path) -> None:
    StandingWriter(tracker, parent).update(NOW)
    own = json.loads(identity())
    tracker.set_tags(parent, {DRIVER: json.dumps(own | {"job": "another"})})
    assert standing_of(tracker.run(parent)) is None
    dead = json.dumps(own | {"started": own["started"] - 100})
    tracker.set_tags(parent, {DRIVER: dead, STANDING: json.dumps({"driver": dead, **asdict(NOW)})})
    status = asked(tmp_path)
    assert (status.state, status.counts) == ("died", SweepCounts(total=4))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"driver": 1}', '{"counts": 3, "best": null}'])
def test_a_tag_of_another_form_is_none(tracker: Tracker, parent: str, text: str) -> None:
    tracker.set_tags(parent, {STANDING: text})
    assert standing_of(tracker.run(parent)) is None


def test_a_best_run_that_waits_to_be_created_is_looked_for_among_the_trials(tracker: Tracker, parent: str) -> None:
    StandingWriter(tracker, parent).update(replace(NOW, best=BestSoFar(1, 0.7, f"{parent}/1")))
    assert standing_of(tracker.run(parent)) is None


def test_writes_are_rare_and_the_last_is_certain(
    tracker: Tracker, parent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr(standing.time, "monotonic", lambda: clock[0])
    writer, later = StandingWriter(tracker, parent), replace(NOW, interrupted=0)
    writer.update(NOW)
    writer.update(later)
    assert standing_of(tracker.run(parent)) == NOW
    clock[0] += standing.EVERY_S
    writer.update(later)
    assert standing_of(tracker.run(parent)) == later
    writer.update(NOW, last=True)
    assert standing_of(tracker.run(parent)) == NOW
    monkeypatch.setattr(Tracker, "set_tags", lambda *_: pytest.fail("written again, though nothing changed"))
    clock[0] += standing.EVERY_S
    writer.update(NOW, last=True)
