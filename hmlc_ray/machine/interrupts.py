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
from types import FrameType

EXIT_CODE = 130
TWICE_S = 0.1
"""Seconds within which a second SIGINT is the same key press: a wrapper may pass on what the terminal has sent too."""
SLOW_S = 1.0
"""Seconds after which a command that has not ended by a first SIGINT says what a second one does."""
STOPPING = "stopping: what runs is stopped and saved; Ctrl-C once more stops at once"
_STOP = 0
"""What ends the thread: no signal has this number. Processes that were forked keep the descriptor open."""
_SHOW_CURSOR = b"\x1b[?25h"

_owned = False
_raised = False
_ending = False
_hearing: _Hearing | None = None


def die_quietly() -> None:
    """Let a SIGINT end this process without a traceback, while it starts and ends: there is nothing to save."""
    global _ending
    if signal.getsignal(signal.SIGINT) in (signal.default_int_handler, _raise_first):  # a script's may be ignored
        _ending = _owned and _hearing is not None  # which ends what was started as well
        signal.signal(signal.SIGINT, leave if _ending else signal.SIG_DFL)


def own_process() -> None:
    """Make this process a command's own: its first SIGINT is a KeyboardInterrupt, and a second one ends it.

    A process that calls the API is its caller's.
    """
    global _owned
    _owned = True
    if signal.getsignal(signal.SIGINT) in (signal.SIG_DFL, signal.default_int_handler):
        signal.signal(signal.SIGINT, _raise_first)
        _listen()


def is_own_process() -> bool:
    """Whether `own_process` was called."""
    return _owned


def leave(number: int, frame: FrameType | None) -> None:
    """A handler that leaves a SIGINT to those who ask `heard`."""


@contextmanager
def hearing(note: Callable[[str], None], afterwards: str) -> Iterator[None]:
    """Hear every SIGINT for the time of the block; a block within another one leaves it to that one.

    In a process of this package's own the first one is answered by a note, and a second one ends the process.

    Args:
        afterwards: what to do when it was ended so, which the last sentence says.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stop = _listen() if _hearing is None else None
    listener = _hearing
    is_outermost = listener is not None and listener.answer is None
    if listener is not None and is_outermost:
        listener.answer = note, afterwards
    try:
        yield
    finally:
        if listener is not None and is_outermost:
            listener.answer = None
        if stop is not None:
            stop()


def heard() -> bool:
    """Whether a SIGINT of somebody else's has come within the block of `hearing`."""
    return _hearing is not None and _hearing.first is not None


def raise_own() -> None:
    """Raise a SIGINT that is not counted: it passes on another signal. A user's own raises nothing afterwards."""
    global _raised
    if _hearing is not None:
        _hearing.own += 1
    signal.raise_signal(signal.SIGINT)
    _raised = True  # whoever has a handler of its own stops already


def _listen() -> Callable[[], None] | None:
    """Begin to hear; gives what ends it, or nothing where an event loop, such as a notebook's, hears already, or
    the system has no thread for it."""
    global _hearing
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    listener = _Hearing(reader) if before == -1 else None
    if listener is None or not listener.begin():
        signal.set_wakeup_fd(before)
        os.close(writer)
        os.close(reader)
        return None
    _hearing = listener

    def stop() -> None:
        global _hearing
        signal.set_wakeup_fd(-1)
        os.write(writer, bytes([_STOP]))
        listener.join()
        _hearing = None
        os.close(writer)
        os.close(reader)

    return stop


class _Hearing:
    def __init__(self, reader: int) -> None:
        self._reader = reader
        self.answer: tuple[Callable[[str], None], str] | None = None
        """How the one who has something to save notes that it stops, and what to do when it was ended."""
        self.own = 0
        self.first: float | None = None
        self._thread = threading.Thread(target=self._listen, name="hmlc-interrupts", daemon=True)

    def begin(self) -> bool:
        """Whether the system has a thread for it; without one a Ctrl-C is what it is to Python."""
        try:
            self._thread.start()
        except RuntimeError:
            return False
        return True

    def join(self) -> None:
        self._thread.join()

    def _listen(self) -> None:
        while (number := os.read(self._reader, 1)[0]) != _STOP:
            if number == signal.SIGINT:
                self._hear()

    def _hear(self) -> None:
        if self.own > 0:
            self.own -= 1
        elif _ending:
            _end("")
        elif self.first is None:
            self.first = time.monotonic()
            if _owned:  # in a thread of its own: what is noted may wait for a terminal or a full pipe
                threading.Thread(target=self._note, daemon=True).start()
        elif _owned and time.monotonic() - self.first > TWICE_S:
            kept = "what had been saved is kept: " + self.answer[1] if self.answer else "nothing had to be saved"
            _end(f"hmlc: stopped at once; {kept}\n")

    def _note(self) -> None:
        if self.answer is not None:
            self.answer[0](STOPPING)
            return
        time.sleep(SLOW_S)  # most commands have ended by then
        with suppress(OSError, ValueError, AttributeError):
            print("hmlc: stopping; Ctrl-C once more stops at once", file=sys.__stderr__, flush=True)


def _raise_first(number: int, frame: FrameType | None) -> None:
    """As Python's own handler, but once: a second exception would break off what the first one has begun to save."""
    global _raised
    if not _raised:
        _raised = True
        _silence_libraries()
        raise KeyboardInterrupt


def _silence_libraries() -> None:
    """What is interrupted in a destructor, or while a connection is closed, is printed or logged with a traceback."""
    sys.unraisablehook = lambda _: None
    if logging := sys.modules.get("logging"):
        logging.disable(logging.CRITICAL)


def _end(sentence: str) -> None:
    """End the process as a SIGKILL would, but with those that it started, a sentence, a visible cursor and the exit
    code of Ctrl-C."""
    _kill_children()
    for stream, text in ((sys.__stdout__, b""), (sys.__stderr__, sentence.encode(errors="replace"))):
        with suppress(OSError, ValueError, AttributeError):
            number = stream.fileno()  # type: ignore[union-attr]
            before = os.get_blocking(number)
            os.set_blocking(number, False)  # a full pipe must not hold it up
            try:
                os.write(number, (_SHOW_CURSOR if os.isatty(number) else b"") + text)
            finally:
                os.set_blocking(number, before)  # the shell has the same open terminal
    os._exit(EXIT_CODE)


def _kill_children() -> None:
    """Kill what this process has started, directly or not: some of Ray's processes look for it every ten seconds."""
    if psutil := sys.modules.get("psutil"):  # to import it here could wait for the main thread; Ray has imported it
        with suppress(Exception):
            for process in psutil.Process().children(recursive=True):
                with suppress(Exception):
                    process.kill()


def _forget_in_child() -> None:
    """A process that is forked gets signals of its own, which the pipe must not report here."""
    with suppress(ValueError):
        if _hearing is not None:
            signal.set_wakeup_fd(-1)


os.register_at_fork(after_in_child=_forget_in_child)
