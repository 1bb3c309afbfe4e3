"""The wall time that summaries have: of the whole call, whatever the layers below were given or count."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from hmlc_ray import resume, retry, sweep, train
from hmlc_ray.api import calls, timing
from hmlc_ray.study.summary import RunSummary, SweepSummary

SWEEP = SweepSummary("s", "val/probe_top1/mean", "max", [], None, ("a",), "sqlite:///x")
SPACE = {"study": {"name": "s", "num_trials": 1}, "space": {"objective.temperature": {"float": [0.1, 0.5]}}}
pytestmark = pytest.mark.usefixtures("folder")


class Clock:
    """Stands in for `time`, and for a module of a layer below that takes seconds to load and to run."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def takes(self, seconds: float, result: object) -> Callable[..., object]:
        def function(*args: Any, **kwargs: Any) -> object:
            self.now += seconds
            return result

        return function


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timing, "time", clock)
    functions = {name: clock.takes(75.4, SWEEP) for name in ("run_sweep", "resume_sweep", "retry_failed")}
    monkeypatch.setitem(sys.modules, "hmlc_ray.sweep.run", SimpleNamespace(**functions))  # type: ignore[arg-type]
    run = clock.takes(61.0, RunSummary("id", {}, ("a",), None, None, 1))
    monkeypatch.setitem(sys.modules, "hmlc_ray.runs.single", SimpleNamespace(train_run=run))  # type: ignore[arg-type]
    return clock


def test_summaries_have_the_time_of_the_whole_call(clock: Clock) -> None:
    assert train({}).seconds == pytest.approx(61.0)
    for summary in (sweep(SPACE), resume("s"), retry("s")):
        assert summary.wall_seconds == pytest.approx(75.4)


def test_time_that_passes_before_the_layer_below_is_called_counts(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = calls.start

    def slow(*args: Any) -> SweepSummary:
        clock.now += 20  # as where torch and Ray are imported
        return start(*args)

    monkeypatch.setattr(calls, "start", slow)
    assert sweep(SPACE).wall_seconds == pytest.approx(95.4)


def test_a_timed_function_keeps_its_signature_and_docstring() -> None:
    assert list(inspect.signature(resume).parameters)[:2] == ["name", "trials"]
    assert "Resume a study" in (resume.__doc__ or "")
