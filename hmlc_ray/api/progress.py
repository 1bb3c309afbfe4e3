"""Live progress: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from hmlc_ray.api.text import print_text
from hmlc_ray.machine.activity import Latest, shown
from hmlc_ray.study.summary import RunProgress, SweepCounts, SweepProgress

LOADING = "loading torch and Ray"
NARROW = 80
"""Columns of a terminal below which the bar itself is left out, and most counts."""
_BESIDE = 18
"""Columns of the shortest bar, the time, and the gaps."""
_LOOK_S = 0.5
"""Seconds between two looks at what is done before the first trial starts."""
EVERY_S = 10.0
"""Least seconds between two lines of progress, where there is no terminal."""
_LOSS, _SPEED = "train/loss", "train/images_per_second"


@contextmanager
def sweep_progress(
    study: str, metric: str = "", console: Console | None = None, *, first: str | None = LOADING
) -> Iterator[SweepProgress]:
    """A view of a sweep: trials done, pruned and failed, the best value, the time left.

    Args:
        first: what is done until the sweep says something; a log has it as its first line, at once.
    """
    console = _forgiving(console or Console(emoji=False))
    if not console.is_terminal:
        lines = SweepLines(study, metric, console)
        if first is not None:
            lines.note(first)
        try:
            yield lines
        finally:
            lines.close()
        return
    with _bar(console) as bar:
        view = SweepBar(study, metric, bar)
        try:
            with shown(first or "", view.preparing):
                yield view
        finally:
            view.close()


@contextmanager
def run_progress(console: Console | None = None) -> Iterator[RunProgress]:
    """A view of one run: epochs, the loss per level, images per second."""
    console = _forgiving(console or Console(emoji=False))
    if not console.is_terminal:
        lines = RunLines(console)
        lines.note("loading torch")
        try:
            yield lines
        finally:
            lines.close()
        return
    with _bar(console) as bar:
        yield RunBar(bar)


def _forgiving(console: Console) -> Console:
    """The same, but where nobody reads its pipe any more, as behind `| head`, it is silent instead of ending the
    process as rich has it."""

    def silent() -> None:
        with suppress(SystemExit):
            type(console).on_broken_pipe(console)

    console.on_broken_pipe = silent  # type: ignore[method-assign]
    return console


def _say(console: Console, text: str) -> None:
    """A line for whoever reads it: a terminal that was closed, or a log on a full disk, ends no training."""
    try:
        print_text(console, text)
    except OSError:
        console.quiet = True  # rich keeps what it could not write, and would write it again with every line


class Paced:
    """Lines of which a log gets few: one every `EVERY_S` seconds at most, and in any case the first ones and the last.

    Args:
        first: how many first lines are printed whenever they come.
    """

    def __init__(self, console: Console, first: int) -> None:
        self._console, self._first, self._next = console, first, 0.0
        self._kept: str | None = None

    def show(self, text: str, now: float, *, at_once: bool = False) -> None:
        """Print a line if its time has come; else it is kept until the next one replaces it."""
        self._kept = text
        if at_once or self._first > 0 or now >= self._next:
            self._first, self._next = self._first - 1, now + EVERY_S
            self.close()

    def close(self) -> None:
        """Print what is kept."""
        if self._kept is not None:
            _say(self._console, self._kept)
            self._kept = None


class SweepLines:
    """Lines on the trials that have ended, see `Paced`: the first of them and one that failed are reported at once."""

    def __init__(self, study: str, metric: str, console: Console) -> None:
        self._study, self._metric, self._console = study, metric, console
        self._lines, self._remaining = Paced(console, first=2), Remaining()
        self._done, self._failed = -1, 0

    def update(self, counts: SweepCounts) -> None:
        now = time.monotonic()
        left = self._remaining(counts.done, counts.total, now)
        if counts.done == self._done:
            return
        text = f"{self._study}: {counts.done}/{counts.total} trials done, {sweep_state(counts, self._metric)}"
        text, news = f"{text}, {left} left" if left else text, counts.failed > self._failed
        self._lines.show(text, now, at_once=news or counts.done >= counts.total)
        self._done, self._failed = counts.done, counts.failed

    def close(self) -> None:
        self._lines.close()

    def note(self, text: str) -> None:
        _say(self._console, f"{self._study}: {text}")


class SweepBar:
    """One line that is drawn again for each update."""

    def __init__(self, study: str, metric: str, bar: Progress) -> None:
        self._study, self._metric, self._bar = study, metric, bar
        self._remaining = Remaining()
        self._begun = False
        self._task = bar.add_task(study, total=None, state="")

    def close(self) -> None:
        """Leave no bar of what never started: a plan, or a mistake in the input."""
        if not self._begun:
            self._bar.update(self._task, visible=False)

    def preparing(self, latest: Latest, ended: threading.Event) -> None:
        """Show what is done before the first trial starts."""
        while not ended.wait(_LOOK_S) and not self._begun:
            self._bar.update(self._task, state=escape(self._short(latest.text)))

    def _short(self, text: str) -> str:
        room = max(10, self._bar.console.width - len(self._study) - _BESIDE - len("0/?"))
        return text if cell_len(text) <= room else f"{set_cell_size(text, room - 1)}…"

    def update(self, counts: SweepCounts) -> None:
        self._begun = True
        left = self._remaining(counts.done, counts.total)
        state = self._fitting(counts, f", {left} left" if left else "")
        self._bar.update(self._task, total=counts.total, completed=counts.done, state=escape(state))

    def _fitting(self, counts: SweepCounts, left: str) -> str:
        """As much of the state as the terminal has columns for."""
        short = ", ".join(filter(None, [f"{counts.failed} failed" if counts.failed else "", _best(counts)]))
        if self._bar.console.width < NARROW:
            return short + left
        room = self._bar.console.width - len(self._study) - len(f"{counts.done}/{counts.total}") - _BESIDE
        states = [sweep_state(counts, self._metric), sweep_state(counts, ""), short]
        return next((state + left for state in states if cell_len(state + left) <= room), short + left)

    def note(self, text: str) -> None:
        _say(self._bar.console, text)


class RunLines:
    """Lines on the epochs, see `Paced`."""

    def __init__(self, console: Console) -> None:
        self._console, self._lines = console, Paced(console, first=1)

    def epoch(self, epoch: int, total: int, metrics: dict[str, float]) -> None:
        text = f"epoch {epoch}/{total}: {epoch_state(metrics)}"
        self._lines.show(text, time.monotonic(), at_once=epoch >= total)

    def close(self) -> None:
        self._lines.close()

    def note(self, text: str) -> None:
        _say(self._console, text)


class RunBar:
    """One line that is drawn again for each update; evaluations stay above it."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task: TaskID = bar.add_task("epochs", total=None, state="")

    def epoch(self, epoch: int, total: int, metrics: dict[str, float]) -> None:
        if any(name.startswith("val/") for name in metrics):
            _say(self._bar.console, f"epoch {epoch}/{total}: {epoch_state(metrics)}")
        training = {name: value for name, value in metrics.items() if name.startswith("train/")}
        self._bar.update(self._task, total=total, completed=epoch, state=escape(epoch_state(training)))

    def note(self, text: str) -> None:
        _say(self._bar.console, text)


class Remaining:
    """The time left, from the trials that ended since the first update."""

    def __init__(self) -> None:
        self._start: tuple[float, int] | None = None

    def __call__(self, done: int, total: int, now: float | None = None) -> str:
        now = time.monotonic() if now is None else now
        self._start = self._start or (now, done)
        ended = done - self._start[1]
        if not ended or done >= total:
            return ""
        return str(timedelta(seconds=round((now - self._start[0]) / ended * (total - done))))


def sweep_state(counts: SweepCounts, metric: str) -> str:
    """`3 completed, 1 pruned, 0 failed, 2 running, best val/probe_top1/mean 0.9312`; the metric may be empty."""
    parts = [f"{getattr(counts, name)} {name}" for name in ("completed", "pruned", "failed", "running")]
    return ", ".join(
        parts if counts.best is None else [*parts, " ".join(filter(None, ["best", metric, f"{counts.best:.4f}"]))]
    )


def _best(counts: SweepCounts) -> str:
    return "" if counts.best is None else f"best {counts.best:.4f}"


def epoch_state(metrics: dict[str, float]) -> str:
    """`loss 1.23 (parity 0.4, digit 2.1), 5,120 samples/s, val probe 0.93 (parity 0.97, digit 0.89)`."""
    parts = []
    if _LOSS in metrics:
        parts.append(f"loss {metrics[_LOSS]:.4f}{_levels(metrics, _LOSS)}")
    if _SPEED in metrics:
        parts.append(f"{metrics[_SPEED]:,.0f} samples/s")
    for split in ("val", "test"):
        probe = f"{split}/probe_top1"
        if f"{probe}/mean" in metrics:
            parts.append(f"{split} probe {metrics[f'{probe}/mean']:.4f}{_levels(metrics, probe)}")
    return ", ".join(parts)


def _levels(metrics: dict[str, float], prefix: str) -> str:
    """The values of single levels, in the order they came in; `leaf` repeats the finest one."""
    start = f"{prefix}/"  # what follows is a level's name, which may hold a slash itself
    shown = {name.removeprefix(start): value for name, value in metrics.items() if name.startswith(start)}
    text = ", ".join(f"{level} {value:.4f}" for level, value in shown.items() if level not in ("mean", "leaf"))
    return f" ({text})" if text else ""


class _Elapsed(TimeElapsedColumn):
    """Counts on when all trials have ended, since the refit and the export follow."""

    def render(self, task: Task) -> Text:
        return Text(str(timedelta(seconds=int(task.elapsed or 0))), style="progress.elapsed")


@contextmanager
def _bar(console: Console) -> Iterator[Progress]:
    bar = _columns(console)
    bar.start()
    try:
        yield bar
    finally:
        with suppress(OSError):  # a terminal that was closed
            bar.stop()


def _columns(console: Console) -> Progress:
    # Only the bar gives way where columns are scarce: numbers that are cut off say nothing.
    done, state = MofNCompleteColumn(table_column=Column(no_wrap=True)), TextColumn("{task.fields[state]}")
    if console.width < NARROW:
        name = TextColumn("{task.description}", table_column=Column(max_width=console.width // 4, no_wrap=True))
        return Progress(name, done, state, console=console)
    name, elapsed = TextColumn("{task.description}"), _Elapsed(table_column=Column(no_wrap=True))
    return Progress(name, BarColumn(bar_width=20), done, elapsed, state, console=console)
