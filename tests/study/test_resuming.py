"""A resume that has begun is seen at once, and the end before it is not taken for the study's."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from hmlc_ray.api import calls
from hmlc_ray.benchmark.request import BenchmarkRequest
from hmlc_ray.cli.app import app
from hmlc_ray.errors import StudyError
from hmlc_ray.home import Home
from hmlc_ray.machine.processes import machine
from hmlc_ray.study import schema
from hmlc_ray.study.resuming import FOLDER, resumed_by, resuming, taken_over
from hmlc_ray.study.status import statuses
from hmlc_ray.study.watching import StudyWatch
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker
from hmlc_ray.tracking.drivers import identity

ME = f"process {os.getpid()} on {machine().partition('/')[0]}"
DEAD = json.dumps({"host": machine(), "pid": 2**22 + 1, "started": 1.0, "start": 1})


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.of(tmp_path)


@pytest.fixture
def ended(tracker: Tracker) -> str:
    """The run of a study that was interrupted by a driver that is dead since."""
    run_id = tracker.study_run("s", tags={}, params={"study.num_trials": 4})
    tracker.set_tags(run_id, {schema.DRIVER: DEAD})
    tracker.finish(run_id, "KILLED")
    return run_id


def test_it_is_shown_for_the_time_of_the_block_and_leaves_nothing(home: Home) -> None:
    assert resumed_by("s", home) is None
    with resuming("s", home):
        assert resumed_by("s", home) == ME
        assert resumed_by("t", home) is None
    assert resumed_by("s", home) is None
    assert not (home.root / FOLDER).exists()


def test_it_is_shown_no_longer_once_the_study_is_taken_over(home: Home) -> None:
    with resuming("s", home), resuming("t", home):
        taken_over("s", home)
        assert (resumed_by("s", home), resumed_by("t", home)) == (None, ME)


def test_a_process_that_was_killed_resumes_nothing(home: Home) -> None:
    file = home.root / FOLDER / "s"
    for content in (DEAD, "{", ""):
        file.parent.mkdir()
        file.write_text(content)
        assert resumed_by("s", home) is None
        with resuming("s", home):
            assert resumed_by("s", home) == ME


def test_a_second_resume_which_will_be_refused_leaves_the_first_one_s_file(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with resuming("s", home):
        other = json.dumps({**json.loads(identity()), "job": "2"})
        with monkeypatch.context() as patched:
            patched.setattr("hmlc_ray.study.resuming.identity", lambda: other)
            with resuming("s", home):
                assert resumed_by("s", home) == ME
        assert resumed_by("s", home) == ME


def test_a_home_that_is_not_there_is_not_made_and_a_wrong_name_changes_nothing(tmp_path: Path) -> None:
    with resuming("s", Home.of(tmp_path / "none")):
        assert not (tmp_path / "none").exists()
    with resuming("../s", Home.of(tmp_path)):
        assert list(tmp_path.iterdir()) == []


def test_every_call_that_resumes_shows_it_before_it_loads_torch_and_ray(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str | None]] = []

    class Layer:
        """A module whose import is the moment."""

        def __getattr__(self, name: str) -> Any:
            if not name.startswith("__"):
                seen.append((name, resumed_by("s", home)))
            return lambda *args, **kwargs: None

    for module in ("hmlc_ray.sweep.run", "hmlc_ray.benchmark.run"):
        monkeypatch.setitem(sys.modules, module, Layer())  # type: ignore[arg-type]
    suite: Any = SimpleNamespace(benchmark=SimpleNamespace(name="s"))
    workspace, view = Workspace(home), object()
    calls.resume("s", workspace, view, None)  # type: ignore[arg-type]
    calls.retry("s", workspace, view)  # type: ignore[arg-type]
    calls.benchmark(BenchmarkRequest(suite, workspace), view)  # type: ignore[arg-type]
    assert list(dict.fromkeys(seen)) == [("resume_sweep", ME), ("retry_failed", ME), ("run_benchmark", ME)]
    assert resumed_by("s", home) is None


def test_a_watch_of_that_moment_waits_for_the_resume(
    ended: str, tracker: Tracker, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the resume does it: it shows that it has begun, takes the study over, and completes it."""

    def take_over() -> None:
        tracker.set_tags(ended, {schema.DRIVER: identity()})
        tracker.reopen(ended)
        taken_over("s", home)

    steps = iter([lambda: None, take_over, lambda: tracker.finish(ended, "FINISHED")])
    monkeypatch.setattr("time.sleep", lambda _: next(steps)())
    with resuming("s", home):
        result = CliRunner().invoke(app, ["watch", "s", "--home", str(home.root)])
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "s is complete")
    assert next(steps, None) is None


def test_a_watch_ends_with_a_resume_that_is_refused(ended: str, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: taken_over("s", home))
    with resuming("s", home):
        result = CliRunner().invoke(app, ["watch", "s", "--home", str(home.root)])
    assert result.exit_code == 1
    assert "s has ended: interrupted" in result.stdout


def test_a_look_and_a_status_name_the_process(ended: str, home: Home) -> None:
    workspace = Workspace(home)
    watched = StudyWatch("s", workspace)
    with resuming("s", home):
        for overview in (watched.look().overview, *statuses(None, workspace)):
            assert (overview.state, overview.note) == ("running", f"{ME} is about to resume it")
    assert watched.look().state == statuses("s", workspace)[0].state == "interrupted"


def test_a_benchmark_that_is_run_again_is_waited_for(ended: str, tracker: Tracker, home: Home) -> None:
    benchmark = tracker.study_run("b", tags={}, params={}, kind=schema.RunKind.BENCHMARK)
    tracker.set_tags(ended, {schema.PARENT: benchmark})
    tracker.finish(benchmark, "KILLED")
    watched = StudyWatch("b", Workspace(home))
    assert watched.look().state == "interrupted"
    with resuming("b", home):
        assert watched.look().state == "running"


def test_a_name_that_no_study_can_have_is_resumed_by_nobody(home: Home) -> None:
    assert resumed_by("../s", home) is None
    with pytest.raises(StudyError), resuming("s", home):
        raise StudyError("refused")
    assert resumed_by("s", home) is None
