"""SIGTERM, wherever it comes: it is raised as Ctrl-C is, and asked for again where something swallowed it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from types import FrameType

import pytest
from sandbox import wait_until

from hmlc_ray.machine.interrupts import heard, hearing
from hmlc_ray.sweep.cluster import signals
from hmlc_ray.sweep.cluster.signals import end_tuning, raise_if_interrupted, stoppable, tuning


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
