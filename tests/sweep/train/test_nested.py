"""The controller of a worker group in the process that waits for it: it ends with that, and reports to it."""

from __future__ import annotations

import asyncio
import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest
import ray
import ray.tune
from ray.runtime_context import RuntimeContext

from hmlc_ray.config.sweep import TrialsConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.sweep.cluster import connect, internals
from hmlc_ray.sweep.cluster.environment import EMBEDDED, PACE, unless_given
from hmlc_ray.sweep.train.nested import ReportToTune, Trainer
from hmlc_ray.sweep.train.trial import Group, torch_trainer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")  # Ray's own, of its data part
CONTROLLER = "ray.train.v2._internal.execution.controller.TrainController"


class _Controller:
    """Ray Train's, with a worker group that has started and is not shut down yet."""

    def __init__(self, outcome: BaseException | str, *, started: bool = True) -> None:
        self._outcome, self.is_started, self.aborted = outcome, started, 0

    async def run(self) -> None:
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        self.is_started = False

    def get_result(self) -> BaseException | str:
        return self._outcome

    def get_worker_group(self) -> Any:
        return SimpleNamespace(has_started=lambda: self.is_started, abort=self._abort) if self.is_started else None

    def _abort(self) -> None:
        self.aborted += 1


@pytest.mark.parametrize("ended", [SystemExit(0), KeyboardInterrupt(), RuntimeError("a lost head")])
def test_a_trial_that_is_stopped_ends_its_workers(monkeypatch: pytest.MonkeyPatch, ended: BaseException) -> None:
    controller = _Controller(ended)
    monkeypatch.setattr(CONTROLLER, lambda **_: controller)
    with pytest.raises(type(ended)):
        internals.run_controller({})
    assert controller.aborted == 1


def test_a_run_that_ends_by_itself_has_ended_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    controller = _Controller("result")
    monkeypatch.setattr(CONTROLLER, lambda **_: controller)
    assert internals.run_controller({}) == "result"
    assert controller.aborted == 0


def test_a_group_that_never_started_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    controller = _Controller(RuntimeError("no resources"), started=False)
    monkeypatch.setattr(CONTROLLER, lambda **_: controller)
    with pytest.raises(RuntimeError, match="no resources"):
        internals.run_controller({})
    assert controller.aborted == 0


def test_a_driver_runs_it_where_an_event_loop_runs_already(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook's cell, whose loop goes on afterwards."""
    monkeypatch.setattr(CONTROLLER, lambda **_: _Controller("result"))

    async def cell() -> tuple[str, asyncio.AbstractEventLoop]:
        found = internals.run_controller({})
        await asyncio.sleep(0)
        return found, asyncio.get_running_loop()

    with asyncio.Runner() as runner:
        assert runner.run(cell()) == ("result", runner.get_loop())


def test_ctrl_c_ends_a_controller_that_does_not_wait_in_its_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """As while its workers wait for their resources, in calls that block."""
    seen: list[str] = []

    class Blocks(_Controller):
        async def run(self) -> None:
            signal.raise_signal(signal.SIGINT)
            seen.append("went on")

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(CONTROLLER, lambda **_: Blocks("result"))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            internals.run_controller({})
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == []


def test_the_logging_of_the_process_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray's controller would configure all of it anew, unless this variable says no."""
    seen: list[str | None] = []

    def controller(**_: Any) -> _Controller:
        seen.append(os.environ.get("RAY_TRAIN_ENABLE_CONTROLLER_STRUCTURED_LOGGING"))
        return _Controller("result")

    monkeypatch.setattr(CONTROLLER, controller)
    internals.run_controller({})
    assert seen == ["0"]
    assert "RAY_TRAIN_ENABLE_CONTROLLER_STRUCTURED_LOGGING" not in os.environ


def test_a_process_that_is_not_an_actor_has_none_to_hand_to_its_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []
    worker = SimpleNamespace(check_connected=lambda: None, actor_id=ray.ActorID.nil())

    class Asks(_Controller):
        async def run(self) -> None:
            seen.append(RuntimeContext(worker).current_actor)

    monkeypatch.setattr(CONTROLLER, lambda **_: Asks("result"))
    internals.run_controller({})
    assert seen == [None]
    with pytest.raises(RuntimeError, match="only available in an actor"):
        RuntimeContext(worker).current_actor  # noqa: B018 - as Ray has it


def test_tune_gets_rank_zeros_metrics_and_where_the_checkpoint_is(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[dict[str, Any]] = []
    monkeypatch.setattr(ray.tune, "report", reported.append)
    own = {"epoch": 1, "val/probe_top1/mean": 0.5}
    ReportToTune().after_report(None, [own, {"epoch": 1}], None)
    ReportToTune().after_report(None, [own], ray.train.Checkpoint("/results/checkpoint_1"))
    assert reported == [own, own | {"checkpoint_path": "/results/checkpoint_1"}]
    assert own == {"epoch": 1, "val/probe_top1/mean": 0.5}


def test_a_run_starts_no_process_that_it_does_not_use(tmp_path: Any) -> None:
    """The names are Ray's: where Ray changes one, its process is started again."""
    trial = TrialConfig().model_dump(mode="json")
    group = Group(TrialsConfig(workers=1), "x", str(tmp_path))
    trainer = torch_trainer({"trial": trial}, group, [])
    rays = {type(callback).__name__ for callback in super(Trainer, trainer)._create_default_callbacks()}
    ours = {type(callback).__name__ for callback in trainer._create_default_callbacks()}
    assert rays - ours == {"PlacementGroupCleanerCallback", "DatasetsCallback"}


def test_the_users_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PACE | EMBEDDED:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "5")
    assert unless_given(PACE) == PACE | {"RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "5"}
    assert unless_given(EMBEDDED) == EMBEDDED


def test_an_embedded_ray_is_started_without_what_its_one_node_does_not_need(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str | None]] = []
    monkeypatch.setattr(connect.ray, "init", lambda **_: seen.append({name: os.environ.get(name) for name in EMBEDDED}))
    monkeypatch.setattr(connect.local, "options", dict)
    for name in EMBEDDED:
        monkeypatch.delenv(name, raising=False)
    with connect._embedded():
        pass
    assert seen == [EMBEDDED]
    assert not any(name in os.environ for name in EMBEDDED)
