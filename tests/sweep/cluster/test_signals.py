"""SIGTERM, wherever it comes: it is raised as Ctrl-C is, and asked for again where something swallowed it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from types import FrameType

import pytest
from sandbox import wait_until

from hmlc_ray.machine.interrupts import heard, hearing
from hmlc_ray.sweep.cluster import signals
from hmlc_ray.sweep.cluster.signals import (
    end_tuning,
    own_handlers,
    raise_if_interrupted,
    stoppable,
    tuning,
    unbroken,
    without_hangups,
)

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAVING = """
import signal, sys, time
from hmlc_ray.machine import interrupts
from hmlc_ray.machine.interrupts import hearing, own_process
from hmlc_ray.sweep.cluster.signals import raise_if_interrupted, stoppable, tuning, unbroken

interrupts.TWICE_S = 600.0  # a second Ctrl-C ends a command at once, which is another test's

def tune():
    # As Tune does: its handler notes the signal, takes itself away and saves; a further signal must not break that off.
    came, before = [], signal.getsignal(signal.SIGINT)
    def note(number, frame):
        came.append(number)
        signal.signal(signal.SIGINT, before)
    signal.signal(signal.SIGINT, note)
    print("ready", flush=True)
    while not came:
        time.sleep(0.01)
    save("tune")

def save(what):
    print(what, "begins", flush=True)
    for line in sys.stdin:
        if line == what + " ends\\n":
            break
    print(what, "ends", flush=True)

if sys.argv[1] == "command":
    own_process()
try:
    with hearing(lambda text: None, "resume it"), stoppable():
        try:
            with tuning():
                tune()
            raise_if_interrupted()
        except KeyboardInterrupt:
            with unbroken():
                save("driver")
            raise
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.fixture
def tunes_handler() -> Iterator[list[int]]:
    """A handler as Tune's: it notes the signal and takes itself away."""
    heard: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        heard.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    yield heard
    signal.signal(signal.SIGINT, before)


def swallow_sigterm() -> None:
    try:
        signal.raise_signal(signal.SIGTERM)
    except BaseException:
        return
    raise AssertionError("SIGTERM raised nothing")


def test_it_interrupts() -> None:
    with pytest.raises(KeyboardInterrupt), stoppable():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_swallowed_one_stops_the_next_part_of_the_study() -> None:
    with stoppable():
        raise_if_interrupted()
        swallow_sigterm()
        with pytest.raises(KeyboardInterrupt):
            raise_if_interrupted()


def test_a_request_does_not_outlive_its_block() -> None:
    with stoppable():
        swallow_sigterm()
    raise_if_interrupted()


def test_it_interrupts_where_ctrl_c_is_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), stoppable():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)


def test_tune_hears_of_one_that_came_before_it_listened(request: pytest.FixtureRequest) -> None:
    with stoppable():
        swallow_sigterm()
        heard: list[int] = request.getfixturevalue("tunes_handler")
        end_tuning()
        end_tuning()  # must not break off what the first began
    assert heard == [signal.SIGINT]


def test_tune_is_left_alone_without_a_signal(tunes_handler: list[int]) -> None:
    with stoppable():
        end_tuning()
    assert not tunes_handler


def test_a_handler_that_tune_leaves_behind_is_taken_away() -> None:
    """After its end it would swallow the next Ctrl-C."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGUSR1)
    with tuning():
        for number in (signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, lambda *_: None)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGUSR1)) == before


def test_a_swallowed_ctrl_c_stops_the_next_part_of_the_study(tunes_handler: list[int]) -> None:
    with stoppable(), hearing(str, ""):
        raise_if_interrupted()
        signal.raise_signal(signal.SIGINT)
        wait_until(heard, "the signal to be heard")
        with pytest.raises(KeyboardInterrupt):
            raise_if_interrupted()
    assert tunes_handler == [signal.SIGINT]


def test_in_a_command_tune_has_what_came_before_it_listened_and_is_not_broken_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two presses at nearly the same time: Tune's handler takes the first one, and puts back what was there."""
    monkeypatch.setattr(signals, "is_own_process", lambda: True)
    own = signal.getsignal(signal.SIGINT)
    with hearing(str, ""), tuning():
        signal.raise_signal(signal.SIGINT)  # before Tune listens
        wait_until(heard, "the signal to be heard")
        taken: list[int] = []

        def tunes(number: int, frame: FrameType | None) -> None:
            taken.append(number)
            signal.signal(signal.SIGINT, before)

        before = signal.signal(signal.SIGINT, tunes)
        end_tuning()
        signal.raise_signal(signal.SIGINT)
        end_tuning()
        assert taken == [signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is own


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_comes_while_it_stops_is_no_exception_more(number: signal.Signals, tunes_handler: list[int]) -> None:
    with stoppable(), hearing(str, ""):
        signal.raise_signal(signal.SIGINT)  # which Tune's handler takes
        wait_until(heard, "the signal to be heard")
        signal.raise_signal(number)
        signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            raise_if_interrupted()
    assert tunes_handler == [signal.SIGINT]


def test_a_second_sigterm_is_no_exception_more() -> None:
    with stoppable():
        swallow_sigterm()
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            raise_if_interrupted()


def test_a_closed_terminal_interrupts_and_nohup_keeps_it_away() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt), stoppable():
            signal.raise_signal(signal.SIGHUP)
        assert signal.signal(signal.SIGHUP, signal.SIG_IGN) is signal.SIG_DFL
        with stoppable():
            signal.raise_signal(signal.SIGHUP)
            raise_if_interrupted()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_request_of_a_study_reaches_the_benchmark_around_it() -> None:
    with stoppable():
        with stoppable():
            swallow_sigterm()
        with pytest.raises(KeyboardInterrupt):
            raise_if_interrupted()
    raise_if_interrupted()


@pytest.mark.parametrize("number", STOPPING)
def test_what_is_saved_is_saved_whole(number: signal.Signals) -> None:
    saved: list[str] = []
    before = signal.getsignal(number)
    with unbroken():
        signal.raise_signal(number)
        saved.append("all")
    assert saved == ["all"]
    assert signal.getsignal(number) is before
    raise_if_interrupted()  # there is nothing that a signal should keep from beginning


@pytest.mark.parametrize("number", STOPPING)
def test_one_that_comes_while_all_is_saved_stops_the_next_part(number: signal.Signals) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
    try:
        with stoppable():
            with unbroken():
                signal.raise_signal(number)
            with pytest.raises(KeyboardInterrupt):
                raise_if_interrupted()
    finally:
        signal.signal(signal.SIGHUP, before)
    raise_if_interrupted()


def test_an_error_of_what_is_saved_is_not_replaced() -> None:
    def save() -> None:
        with unbroken():
            signal.raise_signal(signal.SIGTERM)
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        save()


def test_processes_of_ray_get_no_sighup() -> None:
    asked = "import signal; print(signal.SIGHUP in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    with without_hangups():
        inside = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    after = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert (inside, after) == ("True\n", "False\n")


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["command", "library"])
@pytest.mark.parametrize("first", STOPPING)
@pytest.mark.parametrize("second", STOPPING)
def test_in_whatever_order_they_come_all_is_saved(
    processes: list[subprocess.Popen[str]], kind: str, first: signal.Signals, second: signal.Signals
) -> None:
    """A process that stops as a driver does, and gets the second signal while Tune saves and while the driver does."""
    if (kind, second) == ("library", signal.SIGINT):
        pytest.skip("a later Ctrl-C breaks off what Tune saves in a process of somebody else's, as Tune documents")
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", SAVING, kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    finally:
        signal.signal(signal.SIGHUP, before)
    processes.append(process)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(first)
    for what in ("tune", "driver"):
        assert process.stdout.readline() == f"{what} begins\n"
        process.send_signal(second)
        process.send_signal(signal.SIGTERM)
        process.stdin.write(f"{what} ends\n")
        process.stdin.flush()
        assert process.stdout.readline() == f"{what} ends\n"
    assert process.stdout.readline() == "interrupted\n"
    assert process.wait(200) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_program_that_goes_on_after_an_interrupted_study_has_its_own_handlers_again(number: signal.Signals) -> None:
    """As a notebook does, or a script that catches the interruption; a command ends instead."""
    heard_by_it: list[int] = []
    own = signal.signal(number, lambda number, frame: heard_by_it.append(number))
    try:
        mine = signal.getsignal(number)
        with pytest.raises(KeyboardInterrupt), own_handlers(), stoppable():
            signal.raise_signal(number)
        assert signal.getsignal(number) is mine
        signal.raise_signal(number)
        assert heard_by_it == [number]
    finally:
        signal.signal(number, own)
