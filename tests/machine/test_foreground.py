"""A server in the foreground: Ctrl-C ends it with all that it has started, and quietly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest
from process_ends import ends

from hmlc_ray.machine.processes import start_of

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
STUBBED = """
import os, signal, subprocess, sys
import psutil
from hmlc_ray.machine import foreground

forked = os.fork

def refuse():
    print(*(child.pid for child in psutil.Process().children()), flush=True)
    raise BlockingIOError(11, "no process more")

def hit():  # as by the Ctrl-C of a terminal, before the new process has done anything
    reader, writer = os.pipe()
    child = forked()
    if child == 0:
        os.kill(os.getpid(), signal.SIGINT)
        os.write(writer, b".")
    else:
        os.read(reader, 1)
    return child

def start(*arguments, **options):
    raise OSError(12, "no memory")

if sys.argv[1] == "start":
    subprocess.Popen = start
else:
    os.fork = {"refuse": refuse, "hit": hit}[sys.argv[1]]
sys.exit(foreground.main([sys.executable, "-c", sys.argv[2]]))
"""
SERVER = """
import signal, subprocess, sys, time
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
if sys.argv[1] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(other.pid, flush=True)
time.sleep(600)  # a Ctrl-C of its own would show a traceback
"""


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        below = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        for each in [process, *below]:  # what is below holds the pipes open
            each.kill()
        process.communicate()


def foreground(*program: str) -> subprocess.Popen[str]:
    return begin("-m", "hmlc_ray.machine.foreground", sys.executable, "-c", *program)


def begin(*arguments: str) -> subprocess.Popen[str]:
    # Some are ignored, and so in what is started, under nohup or in the background of a script.
    before = {number: signal.signal(number, signal.SIG_DFL) for number in SIGNALS}
    try:
        return subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize("kind", ["willing", "stubborn"])
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_all_of_it(started: list[subprocess.Popen[str]], kind: str, number: signal.Signals) -> None:
    process = foreground(SERVER, kind)
    started.append(process)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert start_of(child) is not None
    process.send_signal(number)
    assert process.communicate(timeout=200) == ("", "")
    assert process.returncode == 128 + number
    assert ends(child)


@pytest.mark.parametrize("kind", ["willing", "stubborn"])
def test_a_kill_ends_all_that_it_started(started: list[subprocess.Popen[str]], kind: str) -> None:
    process = foreground(SERVER, kind)
    started.append(process)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    below = [each.pid for each in psutil.Process(process.pid).children(recursive=True)]
    assert child in below
    assert len(below) == 3  # the server, what that has started, and who watches
    process.kill()
    assert process.wait(timeout=200) == -signal.SIGKILL
    assert all(map(ends, below))


def test_who_watches_ends_with_what_is_watched(started: list[subprocess.Popen[str]]) -> None:
    process = foreground(SERVER, "willing")
    started.append(process)
    assert process.stdout is not None
    process.stdout.readline()
    below = [each.pid for each in psutil.Process(process.pid).children(recursive=True)]
    process.terminate()
    assert process.communicate(timeout=200) == ("", "")
    assert all(map(ends, below))


def test_what_ends_by_itself_has_its_own_exit_code() -> None:
    process = foreground("raise SystemExit(3)")
    assert process.communicate(timeout=200) == ("", "")
    assert process.returncode == 3


def test_a_server_that_nobody_can_watch_is_ended(started: list[subprocess.Popen[str]]) -> None:
    """The system has no process, or no descriptor, more."""
    process = begin("-c", STUBBED, "refuse", "import time; time.sleep(600)")
    started.append(process)
    assert process.stdout is not None
    (server,) = process.stdout.readline().split()
    try:
        assert ends(int(server))
    finally:
        with suppress(ProcessLookupError):
            os.kill(int(server), signal.SIGKILL)
    assert refusal("[Errno 11] no process more") == process.communicate(timeout=200)[1]
    assert process.returncode == 1


def test_a_server_that_cannot_be_started_is_one_sentence(started: list[subprocess.Popen[str]]) -> None:
    process = begin("-c", STUBBED, "start", "")
    started.append(process)
    assert process.communicate(timeout=200) == ("", refusal("[Errno 12] no memory"))
    assert process.returncode == 1


def refusal(reason: str) -> str:
    return f"hmlc: the system refused to start what was asked for: {reason}; end other processes first\n"


def test_a_ctrl_c_that_hits_who_watches_is_not_counted_twice(started: list[subprocess.Popen[str]]) -> None:
    process = begin("-c", STUBBED, "hit", "import time; time.sleep(1); raise SystemExit(3)")
    started.append(process)
    assert process.communicate(timeout=200) == ("", "")
    assert process.returncode == 3
