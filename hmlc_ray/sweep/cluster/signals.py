"""How a driver is interrupted, by Ctrl-C, SIGTERM or SIGHUP: it closes its runs first, whatever handlers Ray has of its
own, and whatever comes meanwhile.

SIGTERM is what a job that is stopped gets, and a node that is taken away; SIGHUP comes when the terminal is closed.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from hmlc_ray.machine.interrupts import heard, is_own_process, leave, raise_own

Handler = Callable[[int, FrameType | None], Any]
_requested = False
_late = False
"""Whether one came in a command's process after its study's end."""


@contextmanager
def stoppable() -> Iterator[None]:
    """Make SIGTERM and SIGHUP do what SIGINT does, for the time of the block, and remember it.

    To be entered when Ray is connected: Ray's own handler would end the process at once. The exception that the signal
    raises is lost where it comes while some library catches everything, or in a destructor; so the driver asks again
    by `raise_if_interrupted` and `end_tuning`. Where SIGINT is ignored, as in the background of a script, SIGTERM still
    interrupts; where SIGHUP is ignored, as by nohup, it stays so.
    """
    global _requested, _late
    if not _gets_signals():
        yield
        return
    before = _replaced((signal.SIGTERM, signal.SIGHUP), _interrupt)
    try:
        yield
    finally:
        if _interrupt not in before.values():  # the block of a benchmark is around those of its studies
            # A command closes its connection now, and ends by itself: with what came out, or how to resume.
            before = dict.fromkeys(before, _note_late) if is_own_process() else before
            _requested, _late = False, _requested and is_own_process()
        _put_back(before)


@contextmanager
def own_handlers() -> Iterator[None]:
    """Put back the handlers from before a connection to Ray, which has one of SIGTERM that it leaves behind.

    In a command's process a signal that came when its study had ended is left to the command, which ends by itself.
    """
    global _late
    if not _gets_signals():
        yield
        return
    numbers, _late = (signal.SIGTERM, signal.SIGHUP), False
    before: dict[int, Any] = {
        number: handler for number in numbers if (handler := signal.getsignal(number)) is not None
    }
    try:
        yield
    finally:
        ending = [number for number in before if _late and before[number] is not signal.SIG_IGN]
        _put_back(before | dict.fromkeys(ending, leave))


def install_again() -> None:
    """Make the system call Python's handler of SIGTERM, which Ray's core replaces by the default when it ends."""
    if _gets_signals() and (handler := signal.getsignal(signal.SIGTERM)) is not None:
        signal.signal(signal.SIGTERM, handler)


@contextmanager
def without_hangups() -> Iterator[None]:
    """Processes that are started in the block, and by those, get no SIGHUP: a terminal that is closed sends it to them
    as well, and the driver cannot save the state of its study without them. Ray does the same with SIGINT."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def unbroken() -> Iterator[None]:
    """Let no signal break off what the block saves, nor replace the error that made it necessary to save.

    One that comes raises nothing, even when the block has ended: `raise_if_interrupted` does, before whatever else
    would begin within `stoppable`. In a command's process a second Ctrl-C ends it at once all the same, see
    `machine/interrupts.py`.
    """
    global _requested
    if not _gets_signals():
        yield
        return
    came: list[int] = []
    before = _replaced((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), lambda number, frame: came.append(number))
    try:
        yield
    finally:
        _put_back(before)
        # Beyond the block of `stoppable` nobody would forget the request.
        _requested = _requested or (bool(came) and _interrupt in before.values())


@contextmanager
def interrupted_at_once() -> Iterator[None]:
    """Keep `asyncio` from replacing Python's own handler of Ctrl-C by one that ends a task when it next waits.

    While a worker group waits for its resources, the controller of its run waits in calls that block.
    """
    own = signal.default_int_handler
    if not _gets_signals() or signal.getsignal(signal.SIGINT) is not own:
        yield
        return
    before = _replaced((signal.SIGINT,), lambda number, frame: own(number, frame))
    try:
        yield
    finally:
        _put_back(before)


@contextmanager
def tuning() -> Iterator[None]:
    """Put back the handlers that Tune replaces and leaves: after its end its own would swallow a Ctrl-C.

    Tune's own takes itself away at the first Ctrl-C, to save its state. In a command's process a second one ends the
    process, and must not be an exception before: two that come at nearly the same time are one.
    """
    if not _gets_signals():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGUSR1)}
    tune_listens = os.environ.get("TUNE_DISABLE_SIGINT_HANDLER", "0") == "0"
    if tune_listens and is_own_process() and before[signal.SIGINT] is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def interrupt() -> bool:
    """Interrupt the driver as a SIGTERM would, from any thread; whether there is a driver that listens."""
    if signal.getsignal(signal.SIGTERM) is not _interrupt:
        return False
    os.kill(os.getpid(), signal.SIGTERM)
    return True


def raise_if_interrupted() -> None:
    """To be called before each part of a study.

    Raises:
        KeyboardInterrupt: if a SIGTERM or SIGHUP has come since `stoppable` was entered, or a SIGINT that `hearing` has
            heard or `unbroken` has held back.
    """
    if _requested or heard():
        raise KeyboardInterrupt


def end_tuning() -> None:
    """To be called in each of Tune's steps: lets it save its state and end, if a signal came before it listened."""
    # Tune's own handler takes itself away when it is called: a second signal would break off what the first began.
    came = _requested or (is_own_process() and heard())
    if came and signal.getsignal(signal.SIGINT) not in (signal.default_int_handler, leave):
        raise_own()


def _gets_signals() -> bool:
    return threading.current_thread() is threading.main_thread()


def _replaced(numbers: Iterable[int], handler: Handler) -> dict[int, Any]:
    """Put a handler in place of those of signals that are not ignored; gives those that were there."""
    known = {number: signal.getsignal(number) for number in numbers}
    before = {number: old for number, old in known.items() if old not in (signal.SIG_IGN, None)}  # None: not Python's
    for number in before:
        signal.signal(number, handler)
    return before


def _put_back(before: Mapping[int, Any]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)


def _note_late(number: int, frame: FrameType | None) -> None:
    global _late
    _late = True


def _interrupt(number: int, frame: FrameType | None) -> None:
    global _requested
    is_first, _requested = not (_requested or heard()), True
    if not is_first:
        return  # it stops already: an exception more would break off what is being saved
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        raise KeyboardInterrupt
    # Raised rather than thrown as an exception: Tune has a handler of its own, which saves its state first.
    raise_own()
