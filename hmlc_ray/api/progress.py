"""Live progress: a bar on a terminal, a line per event elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from hmlc_ray.api.text import print_text
from hmlc_ray.study.summary import RunProgress, SweepCounts, SweepProgress

_LOSS, _SPEED = "train/loss", "train/images_per_second"


@contextmanager
def sweep_progress(study: str, metric: str = "value", console: Console | None = None) -> Iterator[SweepProgress]:
    """A view of a sweep: trials done, pruned and failed, the best value, the time left."""
    console = console or Console(emoji=False)
    if not console.is_terminal:
        yield SweepLines(study, metric, console)
        return
    with _bar(console) as bar:
        yield SweepBar(study, metric, bar)


@contextmanager
def run_progress(console: Console | None = None) -> Iterator[RunProgress]:
    """A view of one run: epochs, the loss per level, images per second."""
    console = console or Console(emoji=False)
    if not console.is_terminal:
        yield RunLines(console)
        return
    with _bar(console) as bar:
        yield RunBar(bar)


class SweepLines:
    """A line whenever a trial has ended."""

    def __init__(self, study: str, metric: str, console: Console) -> None:
        self._study, self._metric, self._console = study, metric, console
        self._remaining = Remaining()
        self._done = -1

    def update(self, counts: SweepCounts) -> None:
        left = self._remaining(counts.done, counts.total)
        if counts.done == self._done:
            return
        self._done = counts.done
        text = f"{self._study}: {counts.done}/{counts.total} trials done, {sweep_state(counts, self._metric)}"
        print_text(self._console, f"{text}, {left} left" if left else text)

    def note(self, text: str) -> None:
        print_text(self._console, f"{self._study}: {text}")


class SweepBar:
    """One line that is drawn again for each update."""

    def __init__(self, study: str, metric: str, bar: Progress) -> None:
        self._metric, self._bar = metric, bar
        self._remaining = Remaining()
        self._task = bar.add_task(study, total=None, state="")

    def update(self, counts: SweepCounts) -> None:
        left = self._remaining(counts.done, counts.total)
        state = sweep_state(counts, self._metric) + (f", {left} left" if left else "")
        self._bar.update(self._task, total=counts.total, completed=counts.done, state=escape(state))

    def note(self, text: str) -> None:
        print_text(self._bar.console, text)


class RunLines:
    """A line per epoch."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def epoch(self, epoch: int, total: int, metrics: dict[str, float]) -> None:
        print_text(self._console, f"epoch {epoch}/{total}: {epoch_state(metrics)}")

    def note(self, text: str) -> None:
        print_text(self._console, text)


class RunBar:
    """One line that is drawn again for each update; evaluations stay above it."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task: TaskID = bar.add_task("epochs", total=None, state="")

    def epoch(self, epoch: int, total: int, metrics: dict[str, float]) -> None:
        if any(name.startswith("val/") for name in metrics):
            print_text(self._bar.console, f"epoch {epoch}/{total}: {epoch_state(metrics)}")
        training = {name: value for name, value in metrics.items() if name.startswith("train/")}
        self._bar.update(self._task, total=total, completed=epoch, state=escape(epoch_state(training)))

    def note(self, text: str) -> None:
        print_text(self._bar.console, text)


class Remaining:
    """The time left, from the trials that ended since the first update."""

    def __init__(self) -> None:
        self._start: tuple[float, int] | None = None

    def __call__(self, done: int, total: int) -> str:
        now = time.monotonic()
        self._start = self._start or (now, done)
        ended = done - self._start[1]
        if not ended or done >= total:
            return ""
        return str(timedelta(seconds=round((now - self._start[0]) / ended * (total - done))))


def sweep_state(counts: SweepCounts, metric: str) -> str:
    """`3 completed, 1 pruned, 0 failed, 2 running, val/probe_top1/mean 0.9312`."""
    parts = [f"{getattr(counts, name)} {name}" for name in ("completed", "pruned", "failed", "running")]
    return ", ".join(parts if counts.best is None else [*parts, f"best {metric} {counts.best:.4f}"])


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


def _bar(console: Console) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn(), TimeElapsedColumn()
    return Progress(*columns, TextColumn("{task.fields[state]}"), console=console)
