"""What a long call is doing: messages of a logger, at a level that nobody sees unless they ask for it.

The commands show them, so that none is silent for long; for others `logging.getLogger("hmlc_ray.activity")` has them.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

ACTIVITY = "hmlc_ray.activity"
VARIABLE = "HMLC_ACTIVITY"
"""In the environment: 0 shows nothing."""
NEW_S, SAME_S = 3.0, 10.0
"""Least seconds between two lines, where the second has another message, and where it has the same."""
LOOK_S = 1.0
"""Seconds between two looks at what is done."""
_LOG = logging.getLogger(ACTIVITY)
Show = Callable[["Latest", threading.Event], None]


def doing(what: str, done: int | None = None, total: int | None = None) -> None:
    """Note what is done from now on, and of how much how much is done."""
    text = what if done is None else f"{what}: {done:,}" if total is None else f"{what}: {done:,} of {total:,}"
    for latest in tuple(_SHOWN):
        latest.text = text
    _LOG.debug("%s", text)


@contextmanager
def step() -> Iterator[None]:
    """A part of what is done: after it, that is shown again which was done before. Also a decorator."""
    before = [(latest, latest.text) for latest in _SHOWN]
    try:
        yield
    finally:
        for latest, text in before:
            latest.text = text


@contextmanager
def shown(first: str, show: Show) -> Iterator[None]:
    """Show what the block is doing.

    Args:
        first: what it does until it says so.
        show: shows the latest message until the event is set; called in a thread of its own.
    """
    if os.environ.get(VARIABLE) == "0":
        yield
        return
    latest, ended = Latest(first), threading.Event()
    _SHOWN.append(latest)
    thread = threading.Thread(target=show, args=(latest, ended), name="hmlc-activity", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        _SHOWN.remove(latest)
        thread.join(NEW_S)  # a pipe that is full must not hold up the command's end


def noted(first: str, note: Callable[[str], None]) -> AbstractContextManager[None]:
    """Note now and then what the block is doing: `first`, until it says what."""
    return shown(first, in_lines(note))


def reading_data(note: Callable[[str], None]) -> AbstractContextManager[None]:
    """Note now and then that data are read, and what is done for it."""
    return noted("reading the data", note)


def in_lines(say: Callable[[str], None]) -> Show:
    """Shows it as a line now and then."""

    def show(latest: Latest, ended: threading.Event) -> None:
        pace = Pace(time.monotonic())
        while not ended.wait(LOOK_S):
            if (line := pace.line(latest.text, time.monotonic())) is not None:
                say(line)

    return show


@dataclass(eq=False)
class Latest:
    """The last message."""

    text: str


_SHOWN: list[Latest] = []
"""Where the last message is kept for those who show it; the logger is its users' alone."""


class Pace:
    """Decides when a line is due; times are in seconds, from any start."""

    def __init__(self, now: float) -> None:
        self._start = self._last = now
        self._text = ""

    def line(self, text: str, now: float) -> str | None:
        """The line that is to be printed now, if one is."""
        if now - self._last < (SAME_S if text == self._text else NEW_S):
            return None
        self._last, self._text = now, text
        return f"{text} ({now - self._start:.0f} s)"
