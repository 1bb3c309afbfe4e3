"""SIGTERM ends a driver as Ctrl-C does: a job that is stopped, or a node that is taken away, closes its runs first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_requested = False


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM does what SIGINT does, for the time of the block, and is not forgotten.

    To be entered when Ray is connected: Ray's own handler would end the process at once. The exception that the signal
    raises is lost where it comes while some library catches everything, or in a destructor; so the driver asks again
    by `refuse_to_go_on` and `end_tuning`. Where SIGINT is ignored, as in the background of a script, SIGTERM still
    interrupts.
    """
    global _requested
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        _requested = False
        signal.signal(signal.SIGTERM, before)


def refuse_to_go_on() -> None:
    """To be called before each part of a study.

    Raises:
        KeyboardInterrupt: if a SIGTERM has come since `stoppable` was entered.
    """
    if _requested:
        raise KeyboardInterrupt


def end_tuning() -> None:
    """To be called in each of Tune's steps: lets it save its state and end, if a SIGTERM came before it listened."""
    # Tune's own handler takes itself away when it is called: a second signal would break off what the first began.
    if _requested and signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        signal.raise_signal(signal.SIGINT)


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _requested
    _requested = True
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        raise KeyboardInterrupt
    # Raised rather than thrown as an exception: Tune has a handler of its own, which saves its state first.
    signal.raise_signal(signal.SIGINT)
