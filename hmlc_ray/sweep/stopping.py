"""SIGTERM ends a driver as Ctrl-C does: a job that is stopped, or a node that is taken away, closes its runs first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM does what SIGINT does, for the time of the block.

    To be entered when Ray is connected: Ray's own handler would end the process at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    # Raised rather than thrown as an exception: Tune has a handler of its own, which saves its state first.
    signal.raise_signal(signal.SIGINT)
