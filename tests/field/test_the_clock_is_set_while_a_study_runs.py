"""A clock that is set, by seconds or by days, kills no driver in the eyes of `status`, `reap` and `resume`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from progress_notes import Notes

from hmlc_ray.errors import StudyError
from hmlc_ray.home import Home
from hmlc_ray.machine import processes
from hmlc_ray.study import heartbeat, schema
from hmlc_ray.study.heartbeat import driver_lives, refuse_alive
from hmlc_ray.study.progress import StatusSnapshot, StatusWriter
from hmlc_ray.study.status import statuses
from hmlc_ray.study.summary import SweepCounts
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.reap import reap
from hmlc_ray.tracking import Tracker
from hmlc_ray.tracking.drivers import identity, life

pytestmark = pytest.mark.skipif(not processes.has_starts(), reason="only Linux derives it from the clock")
ELSEWHERE = json.dumps({"host": "other", "pid": 1, "started": 0.0, "start": 1})


@pytest.fixture
def parent(tracker: Tracker) -> str:
    return tracker.study_run("s", tags={}, params={"study.num_trials": 4})


@pytest.fixture(params=[5.0, -86400.0])
def clock_set(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """What a step of the clock changes, once called for: psutil's times of creation follow the boot's."""
    created, now = psutil.Process.create_time, time.time
    step = float(request.param)
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: created(process) + step)
    monkeypatch.setattr(time, "time", lambda: now() + step)
    return step


def old(driver: str) -> str:
    """As an older version wrote it."""
    values = json.loads(driver)
    del values["start"]
    return json.dumps(values)


BEFORE = identity()
"""Of this process, before any clock was set."""


def test_a_driver_on_this_machine_lives(tracker: Tracker, parent: str, tmp_path: Path, clock_set: float) -> None:
    tracker.set_tags(parent, {schema.DRIVER: BEFORE, schema.DRIVER_SEEN: f"{time.time() - clock_set:.0f}"})
    assert life(tracker.run(parent).tags) == "alive"
    assert statuses("s", Workspace.of(tmp_path))[0].state == "running"
    (found,) = reap("s", Workspace.of(tmp_path), Notes())
    assert str(found.left).endswith("drives it")
    with pytest.raises(StudyError, match="study 's' is running"):
        refuse_alive("s", tracker)


def test_the_file_of_a_driver_is_believed(tracker: Tracker, parent: str, tmp_path: Path, clock_set: float) -> None:
    folder = Home.of(tmp_path).study("s")
    folder.mkdir(parents=True)
    writer = StatusWriter(tracker, parent, folder, "m")
    writer._driver = BEFORE
    writer.update(StatusSnapshot(SweepCounts(total=4, running=3), 0, None))
    writer.flush()
    counts = statuses("s", Workspace.of(tmp_path))[0].counts
    assert counts is not None
    assert counts.running == 3


def test_a_record_of_an_older_version_is_doubted_and_not_taken_for_dead(
    monkeypatch: pytest.MonkeyPatch, clock_set: float
) -> None:
    with monkeypatch.context() as named:
        named.setattr(psutil.Process, "cmdline", lambda _: ["python", "/bin/hmlc", "sweep"])
        assert life({schema.DRIVER: old(BEFORE)}) == "unknown"
    monkeypatch.setattr(psutil.Process, "cmdline", lambda _: ["/usr/bin/editor"])  # the number was given away again
    assert life({schema.DRIVER: old(BEFORE)}) == "dead"


def test_records_of_both_versions_are_read() -> None:
    assert life({schema.DRIVER: old(BEFORE)}) == "alive"
    assert life({schema.DRIVER: BEFORE}) == "alive"
    assert life({schema.DRIVER: json.dumps(json.loads(BEFORE) | {"start": 1})}) == "dead"
    done = subprocess.run(
        [sys.executable, "-c", "from hmlc_ray.tracking.drivers import identity; print(identity())"],
        capture_output=True,
        text=True,
        check=True,
        timeout=200,
    )
    assert life({schema.DRIVER: done.stdout}) == "dead"
    assert life({schema.DRIVER: old(done.stdout)}) == "dead"


def test_a_process_that_ended_and_waits_for_its_parent_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert processes.start_of(child.pid) is None


@pytest.mark.parametrize("beats", [True, False])
def test_a_driver_elsewhere_that_seems_dead_by_the_clock_is_watched(
    tracker: Tracker, parent: str, tmp_path: Path, beats: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock, or this one, may be hours off: only that its signs of life change says that it lives."""
    monkeypatch.setattr(heartbeat, "STALE_S", 0.5)
    sleeps: list[float] = []

    def slept(seconds: float) -> None:
        sleeps.append(seconds)
        if beats:
            tracker.set_tags(parent, {schema.DRIVER_SEEN: "11"})

    monkeypatch.setattr(heartbeat.time, "sleep", slept)
    tracker.set_tags(parent, {schema.DRIVER: ELSEWHERE, schema.DRIVER_SEEN: "1"})
    assert life(tracker.run(parent).tags) == "unknown"
    assert statuses("s", Workspace.of(tmp_path))[0].state == ("running" if beats else "died")
    assert sleeps
    tracker.set_tags(parent, {schema.DRIVER_SEEN: f"{time.time():.0f}"})
    sleeps.clear()
    assert statuses("s", Workspace.of(tmp_path))[0].state == "running"
    assert sleeps == []


def test_studies_of_other_machines_are_watched_together_and_who_waits_is_informed(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(heartbeat, "STALE_S", 1.0)
    watches: list[float] = []
    sleep = time.sleep
    monkeypatch.setattr(heartbeat.time, "sleep", lambda seconds: (watches.append(seconds), sleep(seconds)))
    for name in ("a", "b", "c"):
        tracker.set_tags(
            tracker.study_run(name, tags={}, params={}), {schema.DRIVER: ELSEWHERE, schema.DRIVER_SEEN: "1"}
        )
    assert set(driver_lives(tracker, tracker.studies()).values()) == {"dead"}
    (note,) = [record.getMessage() for record in caplog.records if record.name == heartbeat.__name__]
    assert note.startswith("waiting up to 1 s for a sign of life of process ")
    assert watches.count(1) == 1  # three seconds, were they watched one after the other
