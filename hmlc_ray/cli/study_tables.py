"""Tables of studies and their jobs."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from hmlc_ray.cli.tables import NARROW, output_console

if TYPE_CHECKING:
    from hmlc_ray.study.status import StudyOverview
    from hmlc_ray.sweep.jobs.attempts import Attempt


def print_jobs(jobs: list[Attempt]) -> None:
    """A row per study: its last job."""
    console = output_console()
    names = ("study", "state", "took") if console.width < NARROW else ("study", "job", "state", "started", "took")
    table = Table(box=box.SIMPLE_HEAD)
    for name in names:
        table.add_column(name, no_wrap=name != "study", overflow="fold")
    for job in jobs:
        started = "" if job.started is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(job.started))
        cells = (job.study, job.submission_id, job.state.lower(), started, _took(job))
        table.add_row(*(cells[::2] if console.width < NARROW else cells))
    if jobs:
        console.print(table)
    else:
        console.print("no study was submitted to this cluster")


def print_statuses(statuses: list[StudyOverview]) -> None:
    """A row per study: its state, its trials, the best so far; notes below."""
    console = output_console()
    if not statuses:
        console.print("there is no study yet")
        return
    narrow = console.width < NARROW
    table = Table(box=box.SIMPLE_HEAD, pad_edge=not narrow)
    table.add_column("study", overflow="fold")
    table.add_column("state", no_wrap=True)
    for name in ("done", "best") if narrow else ("done", "completed", "pruned", "failed", "running", "best"):
        table.add_column(name, justify="right", no_wrap=name != "best")
    for status in statuses:
        cells = _cells(status)
        table.add_row(escape(status.study), status.state, *([*cells[:1], *cells[-1:]] if narrow and cells else cells))
    console.print(table)
    for status in statuses:
        if status.note is not None:
            console.print(f"{status.study}: {status.note}", markup=False, highlight=False, soft_wrap=True)


def _cells(status: StudyOverview) -> list[str]:
    counts, best = status.counts, status.best
    if counts is None:
        return []
    shown = "" if counts.best is None else f"{counts.best:.4f}" + ("" if best is None else f" (trial {best.number})")
    numbers = (counts.completed, counts.pruned, counts.failed, counts.running)
    return [f"{counts.done}/{counts.total}", *map(str, numbers), shown]


def _took(job: Attempt) -> str:
    if job.started is None:
        return ""
    return str(timedelta(seconds=round((job.ended or time.time()) - job.started)))
