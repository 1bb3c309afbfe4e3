"""What a job's log says of its study: to programs one line of JSON, to people everything else."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hmlc_ray.api.progress import SweepLines
from hmlc_ray.errors import TrackingError
from hmlc_ray.study.progress import StatusSnapshot, StatusWriter
from hmlc_ray.study.status_line import MARK, PeoplesLog, for_people, last_said, status_line
from hmlc_ray.study.summary import BestSoFar, SweepCounts
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.jobs.status import job_statuses
from hmlc_ray.tracking.drivers import JOB_VARIABLE

METRIC = "val/probe_top1/Family, best 3 of Genus"
NOW = StatusSnapshot(SweepCounts(8, 1, 2, 1, 0, 0.9125), 1, BestSoFar(3, 0.9125, "f00"))
LINE = status_line({**asdict(NOW), "objective_metric": METRIC})
LATER = LINE.replace('"completed": 2', '"completed": 3')


def printed(counts: SweepCounts, metric: str = METRIC) -> str:
    from io import StringIO

    from rich.console import Console

    console = Console(file=StringIO(), width=200)
    SweepLines("s", metric, console).update(counts)
    return cast(StringIO, console.file).getvalue()


def test_the_last_line_counts_whatever_the_level_is_called() -> None:
    said = last_said(f"s: hello\n{LINE}\nwarning: x\n{LATER}\ntook 0:01")
    assert said is not None
    assert (said.counts.completed, said.counts.total, said.interrupted) == (3, 8, 1)
    assert (said.best, said.objective_metric) == (NOW.best, METRIC)


def broken(**changes: Any) -> str:
    values: dict[str, Any] = json.loads(LINE.removeprefix(MARK))
    return MARK + json.dumps({**values, **changes})


@pytest.mark.parametrize(
    "garbage",
    [
        LATER[:-30],
        f"{MARK}{{}}",
        f"{MARK}[1]",
        f"{MARK}{{'total': 1}}",
        broken(counts={"total": 9}),
        broken(counts={**asdict(NOW.counts), "running": True}),
        broken(counts={**asdict(NOW.counts), "running": -1}),
        broken(counts={**asdict(NOW.counts), "best": "0.9"}),
        broken(counts={**asdict(NOW.counts), "best": float("nan")}),
        broken(best={"number": 1}),
        broken(best=3),
        broken(interrupted=None),
        LATER + " and so on",
    ],
)
def test_garbage_is_passed_over(garbage: str) -> None:
    assert last_said(garbage) is None
    said = last_said(f"{LINE}\n{garbage}\n")
    assert said is not None
    assert said.counts == NOW.counts


def test_a_line_is_found_after_what_another_process_left_open() -> None:
    said = last_said(f"(raylet) 3 % {LINE}\r\nx")
    assert said is not None
    assert said.best == NOW.best


def test_the_best_trial_waits_until_its_run_has_an_id() -> None:
    said = last_said(broken(best={"number": 3, "value": 0.9, "run_id": "parent/3"}))
    assert said is not None
    assert (said.best, said.counts.best) == (None, 0.9125)


@pytest.mark.parametrize("metric", [METRIC, "val/x", "val/probe_top1/a 0.5, running"])
@pytest.mark.parametrize("best", [None, 0.9125, -3.0])
def test_what_jobs_of_the_version_before_print_is_understood(metric: str, best: float | None) -> None:
    counts = SweepCounts(8, 1, 2, 1, 0, best)
    said = last_said(printed(SweepCounts(8, 2, 0, 0, 0), metric) + printed(counts, metric))
    assert said is not None
    assert said.counts == counts


def test_people_do_not_see_lines_for_programs() -> None:
    log = f"a\n{LINE}\n\nb {LINE}\nc"
    assert for_people(log) == "a\n\nb \nc"
    assert for_people(LINE) == for_people("") == ""


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_a_followed_log_is_the_same_in_whatever_pieces_it_comes(size: int) -> None:
    log = f"a @hm\n{LINE}\n\r 3%\r 9%{LINE}\n@hmlc-status\n@"
    shown: list[str] = []
    people = PeoplesLog(shown.append)
    for start in range(0, len(log), size):
        people.feed(log[start : start + size])
    people.close()
    assert "".join(shown) == for_people(log) == "a @hm\n\r 3%\r 9%\n@hmlc-status\n@"


def test_a_line_without_an_end_is_shown_at_once() -> None:
    shown: list[str] = []
    PeoplesLog(shown.append).feed("epoch 1 ")
    assert shown == ["epoch 1 "]


class Tags:
    """A store that is away."""

    uri = "sqlite:////x"

    def show_tags(self, *_: object) -> None:
        raise TrackingError("away")

    def known(self, run_id: str) -> str:
        return run_id


def test_a_job_says_a_status_once_and_nobody_else_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = StatusWriter(cast(Any, Tags()), "run", tmp_path, METRIC)
    writer.update(NOW)
    writer.flush(last=True)
    assert capsys.readouterr().out == ""
    monkeypatch.setenv(JOB_VARIABLE, "hmlc-s")
    for _ in range(3):
        writer.flush(last=True)
    assert capsys.readouterr().out == f"{LINE}\n"


class Head:
    """A head with one job, whose store is on another machine."""

    def __init__(self, log: str, state: str) -> None:
        self.log = log
        self.job = SimpleNamespace(
            submission_id="hmlc-s",
            status=state,
            metadata={"hmlc.study": "s"},
            driver_exit_code=None,
            message="",
            start_time=1000,
            end_time=None,
        )

    def get_address(self) -> str:
        return "http://head:8265"

    def list_jobs(self) -> list[SimpleNamespace]:
        return [self.job]

    def get_job_logs(self, _: str) -> str:
        return self.log


@pytest.mark.parametrize(("state", "running", "interrupted"), [("RUNNING", 1, 1), ("FAILED", 0, 2)])
def test_a_status_from_the_log_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, running: int, interrupted: int
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    head = Head(f"{printed(SweepCounts(8))}RuntimeError: cut off\n{LINE}\n", state)
    (found,) = job_statuses(None, Workspace.of(tmp_path), cast(Any, head))
    assert found.counts is not None
    assert (found.counts.running, found.interrupted, found.counts.best) == (running, interrupted, 0.9125)
    assert (found.best, found.objective_metric) == (NOW.best, METRIC)
    assert found.note is not None
    assert MARK not in found.note
    assert found.note.endswith("its last line: RuntimeError: cut off") == (state == "FAILED")
