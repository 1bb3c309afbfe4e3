"""What ended a study or a benchmark is what its caller learns, whatever signal comes while its run is closed."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hmlc_ray.benchmark import run as benchmark
from hmlc_ray.errors import StudyError
from hmlc_ray.study.summary import SweepSummary
from hmlc_ray.sweep.cluster.signals import stoppable
from hmlc_ray.sweep.driver import Driver, SweepInterrupted

SUMMARY = SweepSummary("s", "val/probe_top1/mean", "max", [], None, ("a",), "sqlite:///x")
STOPPING = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])


class Store:
    """Stands in for the tracker: a signal comes while it closes the run."""

    def __init__(self, number: signal.Signals) -> None:
        self._number, self.status = number, "RUNNING"

    def finish(self, run_id: str, status: str, tags: dict[str, str] | None = None) -> None:
        signal.raise_signal(self._number)
        self.status = status

    def send_pending(self, wait: float = 0.0) -> None:
        """There is nothing to send."""

    def unfinished(self, parent: str) -> list[Any]:
        return []

    def system_metrics(self, parent: str) -> nullcontext[None]:
        return nullcontext()

    def is_active(self, run_id: str) -> bool:
        return True


def outcome(call: Callable[[], object]) -> object:
    """What a driver's call gives or raises: a KeyboardInterrupt that is not looked for would end the tests."""
    try:
        with stoppable():
            return call()
    except BaseException as error:
        return error


class Study(Driver):
    """A study without trials, which an error ends."""

    def __init__(self, store: Store, folder: Path, error: BaseException | None) -> None:
        self._tracker: Any = store
        self._context: Any = SimpleNamespace(folder=folder)
        self._watchdog: Any = SimpleNamespace(ended_study=False, sentence=None)
        self._resume, self._error = "hmlc resume s", error

    def run(self) -> object:
        return outcome(lambda: self._run(lambda: None))  # type: ignore[arg-type, return-value]

    def _open_parent(self) -> str:
        return "parent"

    def _tune(self, tuner: object, parent: str) -> None:
        if self._error is not None:
            raise self._error

    def _conclude(self, parent: str) -> SweepSummary:
        return SUMMARY


@STOPPING
def test_an_interrupted_study_says_how_to_resume_it(number: signal.Signals, tmp_path: Path) -> None:
    store = Store(number)
    ended = Study(store, tmp_path, KeyboardInterrupt()).run()
    assert isinstance(ended, SweepInterrupted)
    assert str(ended) == "interrupted; everything is saved: resume it with `hmlc resume s`"
    assert store.status == "KILLED"


@STOPPING
def test_the_error_of_a_study_is_not_lost(number: signal.Signals, tmp_path: Path) -> None:
    store, error = Store(number), StudyError("the run was deleted")
    assert Study(store, tmp_path, error).run() is error
    assert store.status == "FAILED"


@STOPPING
def test_a_study_that_is_finished_gives_its_summary(number: signal.Signals, tmp_path: Path) -> None:
    store = Store(number)
    assert Study(store, tmp_path, None).run() is SUMMARY
    assert store.status == "FINISHED"


@STOPPING
@pytest.mark.parametrize(("error", "status"), [(StudyError("no"), "FAILED"), (SweepInterrupted("resume"), "KILLED")])
def test_what_ended_a_benchmark_is_not_lost(number: signal.Signals, error: BaseException, status: str) -> None:
    store: Any = Store(number)

    def run() -> None:
        with benchmark._closed(store, "parent"):
            raise error

    assert outcome(run) is error
    assert store.status == status


DISCONNECTING = """
import os, signal, sys
from ray._private.node import Node
from hmlc_ray.machine.interrupts import own_process
from hmlc_ray.sweep.cluster.connect import connected
from hmlc_ray.sweep.cluster.signals import stoppable

ended, late = Node.kill_all_processes, [int(number) for number in sys.argv[1:]]

def end(*arguments, **options):  # Ray's core has ended
    for number in late:
        os.kill(os.getpid(), number)
    ended(*arguments, **options)

Node.kill_all_processes = end
own_process()
with connected("local"), stoppable():
    print("study", flush=True)
print("ended", signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, flush=True)
os.kill(os.getpid(), signal.SIGTERM)
print("reported", flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("late", [(signal.SIGTERM,), (signal.SIGHUP, signal.SIGTERM), ()])
def test_a_signal_while_ray_shuts_down_leaves_the_end_to_the_command(late: tuple[signal.Signals, ...]) -> None:
    """Without one the handlers are again those from before: what follows can be ended."""
    command = [sys.executable, "-c", DISCONNECTING, *(str(int(number)) for number in late)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if late:
        assert (done.returncode, done.stdout) == (0, "study\nended False\nreported\n"), done.stderr
    else:
        assert (done.returncode, done.stdout) == (-signal.SIGTERM, "study\nended True\n"), done.stderr
