"""One Ray Train run outside Tune: its results in the driver."""

from __future__ import annotations

import pickle
import signal
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from ray.train import Checkpoint

from hmlc_ray.config.sweep import TrialsConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import StoreAway
from hmlc_ray.sweep.cluster.signals import stoppable
from hmlc_ray.sweep.train import group
from hmlc_ray.sweep.train.trial import Group

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")  # Ray's own, of its data part
Report = tuple[dict[str, Any], Checkpoint | None]
REPORTS: list[Report] = [({"epoch": 1}, None), ({"epoch": 2}, Checkpoint("/results/2")), ({"epoch": 3}, None)]


def trained(monkeypatch: pytest.MonkeyPatch, on_result: group.OnResult) -> group.GroupResult:
    """What comes of a run whose rank 0 reports `REPORTS`."""

    def trainer(_: object, __: object, callbacks: list[Any]) -> Any:
        def fit() -> None:
            for own, checkpoint in REPORTS:
                callbacks[0].after_report(None, [own, {"epoch": 0}], checkpoint)

        return SimpleNamespace(fit=fit)

    monkeypatch.setattr(group, "torch_trainer", trainer)
    return group.train_group(TrialConfig(), Group(TrialsConfig(), "x", "/results"), test=True, on_result=on_result)


def test_rank_zeros_results_are_passed_on_and_the_last_checkpoint_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []
    assert trained(monkeypatch, seen.append) == group.GroupResult("/results/2", {"epoch": 3})
    assert seen == [own for own, _ in REPORTS]


def test_a_store_that_fails_ends_the_call_and_not_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def fails(result: dict[str, Any]) -> None:
        seen.append(result["epoch"])
        raise StoreAway(f"epoch {result['epoch']}")

    with pytest.raises(StoreAway, match="epoch 1"):
        trained(monkeypatch, fails)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_comes_while_a_record_is_kept_ends_the_run_after_it(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    seen: list[int] = []

    def interrupted(result: dict[str, Any]) -> None:
        signal.raise_signal(number)
        seen.append(result["epoch"])

    before = signal.signal(number, signal.default_int_handler)  # nohup, say, has SIGHUP ignored
    try:
        with pytest.raises(KeyboardInterrupt), stoppable():
            trained(monkeypatch, interrupted)
    finally:
        signal.signal(number, before)
    assert seen == [1]


def test_workers_are_not_given_what_only_the_driver_has() -> None:
    """Ray Train hands the callbacks of a run to its workers."""
    lock = threading.Lock()
    callback = group._PassOn(lambda _: lock.release())
    assert type(pickle.loads(pickle.dumps(callback))) is type(callback).__base__
