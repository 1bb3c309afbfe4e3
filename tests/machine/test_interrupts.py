"""Ctrl-C twice: the first one is answered by a note, the second one ends the process, whatever handlers there are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from process_ends import ends

from hmlc_ray.machine import interrupts
from hmlc_ray.machine.interrupts import TWICE_S, heard, hearing, raise_own

SENTENCE = "hmlc: stopped at once; what had been saved is kept: resume it with `hmlc resume s`\n"
STUBBORN = """
import signal, sys, time
from hmlc_ray.machine import interrupts
from hmlc_ray.machine.interrupts import hearing, own_process
def swallow(number, frame):
    print("swallowed", flush=True)
if sys.argv[1] == "command":
    own_process()
with hearing(lambda text: print(text, flush=True), "resume it with `hmlc resume s`"):
    signal.signal(signal.SIGINT, swallow)
    print("ready", flush=True)
    while True:
        time.sleep(60)
"""


@pytest.fixture
def start() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def stubborn(kind: str, started: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    """A process whose handler of SIGINT does nothing, as one that Ray left may."""
    command = [sys.executable, "-c", STUBBORN, kind]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    started.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def lines(process: subprocess.Popen[str], count: int) -> set[str]:
    assert process.stdout is not None
    return {process.stdout.readline() for _ in range(count)}


def test_a_second_one_ends_a_command(start: list[subprocess.Popen[str]]) -> None:
    process = stubborn("command", start)
    process.send_signal(signal.SIGINT)
    first = "stopping: what runs is stopped and saved; Ctrl-C once more stops at once\n"
    assert lines(process, 2) == {first, "swallowed\n"}
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2 * TWICE_S)
    process.send_signal(signal.SIGINT)
    assert process.wait(200) == 130
    assert process.stderr is not None
    assert process.stderr.read() == SENTENCE


def test_a_process_of_somebody_else_is_left_alone(start: list[subprocess.Popen[str]]) -> None:
    process = stubborn("library", start)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        assert lines(process, 1) == {"swallowed\n"}
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2 * TWICE_S)


def test_one_that_a_handler_swallows_is_heard() -> None:
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        assert not heard()
        with hearing(str, ""), hearing(str, ""):
            raise_own()
            signal.raise_signal(signal.SIGINT)
            for _ in range(6000):
                if heard():
                    break
                threading.Event().wait(0.01)
            assert heard()
        assert not heard()
    finally:
        signal.signal(signal.SIGINT, before)


def test_one_that_is_passed_on_does_not_count() -> None:
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with hearing(str, ""):
            listener = interrupts._hearing
            raise_own()
        assert listener is not None  # its thread has ended, so it has read all there was
        assert (listener.first, listener.own) == (None, 0)
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_event_loop_keeps_its_own_descriptor() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    try:
        with hearing(str, ""):
            pass
        assert signal.set_wakeup_fd(-1) == writer
    finally:
        os.close(reader)
        os.close(writer)


PARENT = """
import os, subprocess, sys, time
import psutil
from hmlc_ray.machine.interrupts import hearing, own_process
own_process()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
with hearing(lambda text: print("noted", flush=True), "resume it"):
    try:
        print(child.pid, flush=True)
        time.sleep(600)
    except KeyboardInterrupt:
        print("stopping", flush=True)
        time.sleep(600)
"""
AT_EASE = """
from hmlc_ray.machine import interrupts
interrupts.TWICE_S = interrupts.SLOW_S = 600.0  # however slow this process is
"""
ONCE = f"""
import signal
from hmlc_ray.machine.interrupts import own_process
{AT_EASE}
own_process()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    signal.raise_signal(signal.SIGINT)  # of the same key press: what is saved now must not be broken off
    print("saved", flush=True)
"""
NO_THREAD = """
import signal, threading
from hmlc_ray.machine.interrupts import own_process
def refuse(thread):
    raise RuntimeError("can't start new thread")
threading.Thread.start = refuse
own_process()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
SLOW = """
import time
from hmlc_ray.machine.interrupts import own_process
own_process()
try:
    print("ready", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
    time.sleep(600)
"""
LOGGED = f"""
import logging, signal
from hmlc_ray.machine.interrupts import own_process
{AT_EASE}
class Resource:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
own_process()
Resource()  # Python reports what a destructor raises, and goes on
try:
    raise KeyboardInterrupt
except KeyboardInterrupt:
    logging.getLogger("sqlalchemy.pool").error("Error closing cursor", exc_info=True)
print("ended", flush=True)
"""
STARTING = """
import time
from hmlc_ray.machine.interrupts import die_quietly
die_quietly()
print("ready", flush=True)
time.sleep(600)
"""


def python(program: str, started: list[subprocess.Popen[str]]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    started.append(process)
    return process


def test_a_second_one_ends_what_the_command_has_started_too(start: list[subprocess.Popen[str]]) -> None:
    process = python(PARENT, start)
    (number,) = lines(process, 1)
    process.send_signal(signal.SIGINT)
    assert lines(process, 2) == {"noted\n", "stopping\n"}
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2 * TWICE_S)
    process.send_signal(signal.SIGINT)
    assert process.wait(200) == 130
    assert process.stderr is not None
    assert process.stderr.read() == "hmlc: stopped at once; what had been saved is kept: resume it\n"
    assert ends(int(number))


def test_two_at_once_are_one(start: list[subprocess.Popen[str]]) -> None:
    process = python(ONCE, start)
    assert process.communicate(timeout=200) == ("saved\n", "")


def test_a_command_with_nothing_to_save_says_what_a_second_one_does(start: list[subprocess.Popen[str]]) -> None:
    process = python(SLOW, start)
    assert lines(process, 1) == {"ready\n"}
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert process.stderr.readline() == "hmlc: stopping; Ctrl-C once more stops at once\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(200) == 130
    assert process.stderr.read() == "hmlc: stopped at once; nothing had to be saved\n"


def test_one_while_the_program_starts_shows_no_traceback(start: list[subprocess.Popen[str]]) -> None:
    process = python(STARTING, start)
    assert lines(process, 1) == {"ready\n"}
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=200) == ("", "")
    assert process.returncode == -signal.SIGINT


def test_libraries_print_no_traceback_of_it(start: list[subprocess.Popen[str]]) -> None:
    process = python(LOGGED, start)
    assert process.communicate(timeout=200) == ("ended\n", "")


def test_a_ctrl_c_is_heard_where_the_system_has_no_thread_more(start: list[subprocess.Popen[str]]) -> None:
    assert python(NO_THREAD, start).communicate(timeout=200) == ("interrupted\n", "")
