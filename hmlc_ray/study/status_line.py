"""The status of a study in its job's log, for programs: one line of JSON, which `hmlc logs` leaves out."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from hmlc_ray.study.summary import BestSoFar, SweepCounts

MARK = "@hmlc-status "
_LINE = re.compile(re.escape(MARK) + r"(?P<values>\{.*\})[ \t\r]*$", re.MULTILINE)
"""Anywhere in a line: another process may have left one without an end before it."""
_PROGRESS = re.compile(
    r"\d+/(?P<total>\d+) trials done, (?P<completed>\d+) completed, (?P<pruned>\d+) pruned, (?P<failed>\d+) failed, "
    r"(?P<running>\d+) running(?:, best .+ (?P<best>-?[\d.]+)(?:, [^,]* left)?$)?",
    re.MULTILINE,
)
"""The only status line of jobs of version 0.1: a line for people."""

_COUNTS = ("total", "running", "completed", "pruned", "failed")


class Said(NamedTuple):
    """A study by the log of its job."""

    counts: SweepCounts
    interrupted: int
    objective_metric: str | None
    best: BestSoFar | None
    """None while the run of the best trial waits to be created."""


def status_line(values: dict[str, Any]) -> str:
    """A study's status as a line of the log."""
    return MARK + json.dumps(values)


def last_said(log: str) -> Said | None:
    """The last status in a log; lines that are damaged, or only look alike, are skipped."""
    for match in reversed(list(_LINE.finditer(log))):
        with suppress(ValueError, KeyError, TypeError):
            return _said(json.loads(match["values"]))
    for match in reversed(list(_PROGRESS.finditer(log))):
        with suppress(ValueError):
            values = match.groupdict()
            best = values.pop("best")
            counts = SweepCounts(**{k: int(v) for k, v in values.items()}, best=float(best) if best else None)
            return Said(counts, 0, None, None)
    return None


def for_people(log: str) -> str:
    """A log without the lines for programs."""
    return _without_marked(log, begun=False)


class PeoplesLog:
    """Passes on a log that comes in pieces, without the lines for programs.

    Args:
        write: takes what people read. A piece that may be the beginning of a hidden line is kept until it is clear.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write, self._kept, self._begun = write, "", False

    def feed(self, text: str) -> None:
        """Pass on the next piece."""
        whole, newline, rest = (self._kept + text).rpartition("\n")
        clear = _clear(rest)
        self._kept = rest[clear:]
        self._show(whole + newline, rest[:clear])

    def close(self) -> None:
        """End the log: no more pieces follow."""
        self._show(self._kept, "")
        self._kept = ""

    def _show(self, text: str, clear: str) -> None:
        shown = _without_marked(text, begun=self._begun) + clear
        self._begun = bool(clear) or (self._begun and not text)
        if shown:
            self._write(shown)


def _without_marked(text: str, *, begun: bool) -> str:
    """Args: begun: whether the first line continues a line that was shown, so that its end is shown too."""
    shown = []
    for line in text.splitlines(keepends=True):
        before, mark, hidden = line.partition(MARK)
        end = "\n" if mark and hidden.endswith("\n") and (before or begun) else ""
        shown.append(before + end)
        begun = not line.endswith("\n")
    return "".join(shown)


def _clear(rest: str) -> int:
    """Number of characters of an unfinished line before the mark, or before what may become the mark."""
    if MARK in rest:
        return rest.index(MARK)
    longest = min(len(MARK), len(rest))
    return len(rest) - next((n for n in range(longest, 0, -1) if MARK.startswith(rest[-n:])), 0)


def _said(values: dict[str, Any]) -> Said:
    counts = values["counts"]
    best_value = counts["best"]
    if best_value is not None:
        best_value = _finite(best_value)
    best = values["best"]
    if best is not None:
        best = BestSoFar(_count(best["number"]), _finite(best["value"]), str(best["run_id"]))
    return Said(
        SweepCounts(**{name: _count(counts[name]) for name in _COUNTS}, best=best_value),
        _count(values["interrupted"]),
        str(values["objective_metric"]),
        None if best is None or "/" in best.run_id else best,
    )


def _count(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value


def _finite(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is not a number")
    return float(value)
