"""Ctrl-C, heard below all handlers: once by whoever has to end, twice it ends the process at once.

Libraries replace each other's handlers of SIGINT and keep theirs after their work, and a handler waits until the main
thread runs Python again. What is written to a wake-up descriptor comes from the system's own handler, so that a thread
reads it whatever the main thread waits for.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

EXIT_CODE = 130
TWICE_S = 0.3
"""Seconds within which a second SIGINT is the same key press: a wrapper may pass on what the terminal has sent too."""
_STOP = 0
"""What ends the thread: no signal has this number. Processes that were forked keep the descriptor open."""
_SHOW_CURSOR = b"\x1b[?25h"

_owned = False
_hearing: _Hearing | None = None


def own_process() -> None:
    """Let a second Ctrl-C end this process: it is a command's own. A process that calls the API is its caller's."""
    global _owned
    _owned = True


@contextmanager
def hearing(note: Callable[[str], None], afterwards: str) -> Iterator[None]:
    """Hear every SIGINT for the time of the block; a block within another one leaves it to that one.

    In a process of this package's own the first one is answered by a note, and a second one ends the process.

    Args:
        afterwards: what to do when it was ended so, which the last sentence says.
    """
    global _hearing
    if _hearing is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        if before == -1:
            _hearing = _Hearing(reader, note, afterwards)
        else:  # an event loop's, such as a notebook's
            signal.set_wakeup_fd(before)
        yield
    finally:
        if _hearing is not None:
            signal.set_wakeup_fd(-1)
            os.write(writer, bytes([_STOP]))
            _hearing.join()
            _hearing = None
        os.close(writer)
        os.close(reader)


def heard() -> bool:
    """Whether a SIGINT of somebody else's has come within the block of `hearing`."""
    return _hearing is not None and _hearing.first is not None


def raise_own() -> None:
    """Raise a SIGINT that is not counted: it passes on another signal."""
    if _hearing is not None:
        _hearing.own += 1
    signal.raise_signal(signal.SIGINT)


class _Hearing:
    def __init__(self, reader: int, note: Callable[[str], None], afterwards: str) -> None:
        self._reader, self._note, self._afterwards = reader, note, afterwards
        self.own = 0
        self.first: float | None = None
        self._thread = threading.Thread(target=self._listen, name="hmlc-interrupts", daemon=True)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _listen(self) -> None:
        while (number := os.read(self._reader, 1)[0]) != _STOP:
            if number == signal.SIGINT:
                self._hear()

    def _hear(self) -> None:
        if self.own > 0:
            self.own -= 1
        elif self.first is None:
            self.first = time.monotonic()
            if _owned:  # in a thread of its own: what is noted may wait for a terminal or a full pipe
                text = "stopping: what runs is stopped and saved; Ctrl-C once more stops at once"
                threading.Thread(target=self._note, args=(text,), daemon=True).start()
        elif _owned and time.monotonic() - self.first > TWICE_S:
            _end(f"hmlc: stopped at once; what had been saved is kept: {self._afterwards}\n")


def _end(sentence: str) -> None:
    """End the process as a SIGKILL would, but with a sentence, a visible cursor and the exit code of Ctrl-C."""
    for stream, text in ((sys.__stdout__, b""), (sys.__stderr__, sentence.encode(errors="replace"))):
        with suppress(OSError, ValueError, AttributeError):
            number = stream.fileno()  # type: ignore[union-attr]
            os.set_blocking(number, False)  # a full pipe must not hold it up
            os.write(number, (_SHOW_CURSOR if os.isatty(number) else b"") + text)
    os._exit(EXIT_CODE)


def _forget_in_child() -> None:
    """A process that is forked gets signals of its own, which the pipe must not report here."""
    with suppress(ValueError):
        if _hearing is not None:
            signal.set_wakeup_fd(-1)


os.register_at_fork(after_in_child=_forget_in_child)
