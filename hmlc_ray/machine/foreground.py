"""A server of somebody else's, until Ctrl-C: it ends with all that it started, and shows no traceback for that.

`python -m hmlc_ray.machine.foreground COMMAND...` replaces a process that is larger; this one loads nothing.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

PATIENCE_S = 2.0
"""Seconds that the server has to close its connections."""
_LOOK_S = 0.05
_DONE = b"."
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def run(command: Sequence[str]) -> int:
    """Run a command until it ends, or until this process gets a signal to end; gives the exit code.

    The command is in a process group of its own: the Ctrl-C of a terminal reaches this process alone, and what the
    command has started is found by the group.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for number in (*_ENDING, signal.SIGCHLD):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _note)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # it may write to the terminal all the same
    signal.set_wakeup_fd(writer)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)  # noqa: S603 - what the caller gave
    with _ended(process.pid):
        ended_by = _until_the_end(process, reader)
    return process.wait() if ended_by is None else 128 + ended_by


def _until_the_end(process: subprocess.Popen[bytes], reader: int) -> int | None:
    """Until the command has ended, or got its time to end; gives the signal that ended it, if one did."""
    ended_by: int | None = None
    while process.poll() is None and ended_by is None:
        ended_by = _next(reader, None)
    if ended_by is not None:
        _kill(process.pid, signal.SIGTERM)
        _wait(process, reader)
    return ended_by


@contextmanager
def _ended(group: int) -> Iterator[None]:
    """End a process group with the block, or with this process if that is killed within it, by a SIGKILL or for its
    memory."""
    writer: int | None = None
    try:
        writer = _watched(group)  # the system may refuse one process more
        yield
    finally:
        _kill(group, signal.SIGKILL)
        if writer is not None:
            with suppress(OSError):  # the other process may have been killed as well
                os.write(writer, _DONE)
            os.close(writer)


def _watched(group: int) -> int:
    """Start a process that ends a group; gives the descriptor that keeps it from doing so while it is open.

    What the system itself sends to the children of a process that dies (`PR_SET_PDEATHSIG`) reaches the command alone,
    and not what it has started.
    """
    reader, writer = os.pipe()
    # A Ctrl-C reaches both: the new process would report it once more, to the wake-up descriptor that it has inherited.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        if os.fork() == 0:
            try:
                signal.set_wakeup_fd(-1)
                os.close(writer)
                _watch(reader, group)
            finally:
                os._exit(0)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    os.close(reader)
    return writer


def _watch(reader: int, group: int) -> None:
    """End a group unless `_DONE` is read before the pipe's other end is closed."""
    os.setsid()  # out of reach of the terminal, and of a signal to the group that is killed
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # whoever reads what this process has printed waits for its end
        os.dup2(nothing, stream)
    if os.read(reader, 1) == _DONE:
        return
    _kill(group, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while _is_there(group) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)  # only its parent learns of a child's end
    _kill(group, signal.SIGKILL)


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _wait(process: subprocess.Popen[bytes], reader: int) -> None:
    """Until the command has ended, its time is over, or another signal comes."""
    deadline = time.monotonic() + PATIENCE_S
    while process.poll() is None and (left := deadline - time.monotonic()) > 0 and _next(reader, left) is None:
        pass


def _next(reader: int, seconds: float | None) -> int | None:
    """The signal to end that comes next; None for any other, or when the time is over."""
    ready, _, _ = select.select([reader], [], [], seconds)
    number = os.read(reader, 1)[0] if ready else 0
    return number if number in _ENDING else None


def _kill(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # it has ended
        os.killpg(group, number)


def _note(number: int, frame: object) -> None:
    """Does nothing: the number is written to the descriptor before."""


def main(command: Sequence[str]) -> int:
    """The same as a program: where the system has no process more, or no descriptor, it says so in one sentence."""
    try:
        return run(command)
    except OSError as error:
        print(
            f"hmlc: the system refused to start what was asked for: {error}; end other processes first", file=sys.stderr
        )
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
