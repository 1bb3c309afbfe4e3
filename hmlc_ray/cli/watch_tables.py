"""How `hmlc watch` shows a study: a table that is drawn again on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hmlc_ray.api.progress import Remaining, SweepLines, sweep_state
from hmlc_ray.cli.tables import params_text, time_text
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import SweepCounts
from hmlc_ray.study.watching import WatchedStudy, WatchedTrial

BLOCKS, PLAIN = "▁▂▃▄▅▆▇█", ".:-=+*#@"
"""Steps of a curve; the second where the terminal's encoding lacks the first."""
WIDE, NARROW = 100, 60
"""Columns from which on there is room for what was searched, and for rungs and long curves."""


_OTHER_LINES = 8
"""Lines of a terminal that hold no trial."""


class View(Protocol):
    """Shows each look."""

    def show(self, study: WatchedStudy) -> None:
        """Show the study as it is now."""

    def note(self, text: str) -> None:
        """Show one line about the watch itself."""


@contextmanager
def view(name: str, every: float, console: Console | None = None) -> Iterator[View]:
    """The view that suits the terminal, for the time of the block."""
    console = console or Console(emoji=False)
    if not console.is_terminal:
        lines = _Lines(name, console)
        try:
            yield lines
        finally:
            lines.close()
        return
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        yield _Drawn(live, every)


class _Drawn:
    def __init__(self, live: Live, every: float) -> None:
        self._live, self._every, self._remaining = live, every, Remaining()

    def show(self, study: WatchedStudy) -> None:
        counts = study.overview.counts
        left = "" if counts is None else self._remaining(counts.done, counts.total) or upper_bound(study, counts)
        self._live.update(drawn(study, self._live.console, self._every, left), refresh=True)

    def note(self, text: str) -> None:
        self._live.console.print(text, markup=False, highlight=False)


class _Lines:
    """Lines as a sweep without a terminal prints them."""

    def __init__(self, name: str, console: Console) -> None:
        self._name, self._console = name, console
        self._study, self._lines = "", SweepLines(name, "", console)

    def show(self, study: WatchedStudy) -> None:
        overview = study.overview
        if overview.counts is None:
            return
        if overview.study != self._study:
            self.close()
            self._study = overview.study
            self._lines = SweepLines(overview.study, overview.objective_metric or "", self._console)
        self._lines.update(overview.counts)

    def close(self) -> None:
        self._lines.close()

    def note(self, text: str) -> None:
        self._lines.note(text)


def drawn(study: WatchedStudy, console: Console, every: float, left: str = "") -> RenderableType:
    """The counts, a row per trial that is shown, and how many are not."""
    study = fitted(study, console.height - _OTHER_LINES)
    overview, name = study.overview, study.benchmark
    parts = [overview.study if name is None else f"{name}: {overview.study}", str(overview.state)]
    counts = overview.counts
    if counts is not None:
        parts += [f"{counts.done}/{counts.total} trials done", sweep_state(counts, overview.objective_metric or "")]
    parts += [f"{left} left"] if left else []
    lines: list[RenderableType] = [Text(", ".join(parts), style="bold")]
    if overview.note:
        lines.append(Text(overview.note))
    if study.trials:
        lines.append(_table(study, console))
    elif overview.counts is not None:
        lines.append(Text("no trial has reported yet"))
    hidden = ", ".join(f"{count} {status}" for status, count in study.hidden.items())
    every_s = f"every {every:g} s; Ctrl-C stops watching and leaves the study alone"
    lines.append(Text(f"not shown: {hidden or 'none'}; {every_s}", style="dim"))
    return Group(*lines)


def fitted(study: WatchedStudy, most: int) -> WatchedStudy:
    """The study with so many trials at most: a third of them, or more where few train, are the best ones."""
    trains = [trial for trial in study.trials if trial.row.status == TrialStatus.RUNNING]
    best = [trial for trial in study.trials if trial.row.status != TrialStatus.RUNNING]
    most = max(most, 2)
    best = best[: max(most // 3, most - len(trains), 1)]
    return replace(study, trials=(*trains[: most - len(best)], *best))


def _table(study: WatchedStudy, console: Console) -> Table:
    width = console.width
    table = Table(box=box.SIMPLE_HEAD, pad_edge=width >= NARROW, padding=(0, 1 if width >= NARROW else 0, 0, 0))
    table.add_column("trial", justify="right", no_wrap=True)
    table.add_column("status" if width >= NARROW else "", no_wrap=True)
    table.add_column("epochs", justify="right", no_wrap=True)
    if width >= NARROW:
        table.add_column("rung", justify="right", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("curve", no_wrap=True)
    if width >= WIDE:
        table.add_column("what is searched")  # the one column that gives way: its cells are cut off
    best, curves = study.overview.best, [trial.curve for trial in study.trials]
    blocks, length = BLOCKS if console.encoding.startswith("utf") else PLAIN, 20 if width >= NARROW else 8
    for trial in study.trials:
        is_best = best is not None and trial.row.number == best.number
        table.add_row(*_cells(trial, curves, blocks, length, width, is_best), style="bold" if is_best else None)
    return table


def _cells(
    trial: WatchedTrial, curves: Sequence[Sequence[float]], blocks: str, length: int, width: int, is_best: bool
) -> list[str | Text]:
    row = trial.row
    total = "" if trial.total_epochs is None else f"/{trial.total_epochs}"
    cells: list[str | Text] = [
        f"{'*' if is_best else ''}{row.number}",
        row.status if width >= NARROW else row.status[:3],
    ]
    cells += [f"{trial.epochs}{total}", *([trial.rung] if width >= NARROW else [])]
    cells += ["" if row.value is None else f"{row.value:.4f}", sparkline(trial.curve, curves, blocks, length)]
    return cells + ([Text(params_text(row), no_wrap=True, overflow="ellipsis")] if width >= WIDE else [])


def sparkline(curve: Sequence[float], among: Sequence[Sequence[float]], blocks: str, length: int) -> str:
    """The last values of a curve as characters, on the scale of all the curves, so that rows can be compared."""
    every = [value for one in among for value in one]
    if not curve:
        return ""
    low, high = min(every), max(every)
    step = (high - low) / (len(blocks) - 1) or 1.0
    return "".join(blocks[round((value - low) / step)] for value in curve[-length:])


def upper_bound(study: WatchedStudy, counts: SweepCounts) -> str:
    """`at most 0:20:00`, where completed trials show how long one takes; pruned ones take less."""
    seconds = [trial.row.seconds for trial in study.trials if trial.row.seconds is not None]
    left = counts.total - counts.done
    if not seconds or not counts.running or left <= 0:
        return ""
    return f"at most {time_text(sum(seconds) / len(seconds) * left / counts.running)}"
