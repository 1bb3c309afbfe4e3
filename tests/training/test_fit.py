"""The loop on real digits: it learns, repeats itself to the last bit, resumes exactly, and stops at a NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import CheckpointError, ConfigError, NonFiniteLoss, TrainingError
from hmlc_ray.objectives.sum_supcon import SumSupcon
from hmlc_ray.training.checkpoint import Checkpoint, EpochRecord
from hmlc_ray.training.fit import fit


def config(**changes: Any) -> TrialConfig:
    values: dict[str, Any] = {
        "encoder": {"kind": "mlp", "hidden_dim": 64, "feature_dim": 32},
        "head": {"hidden_dim": 32, "embedding_dim": 32},
        "objective": {"kind": "g-hmlc", "warmup_epochs": 1, "refit_every": 1, "freeze_fraction": 0.25},
        "training": {"epochs": 4, "cpu_threads": 1},
        "evaluation": {"every": 2, "probe_regularisation": [0.1]},
    }
    return TrialConfig.model_validate(values | changes)


class Log:
    def __init__(self) -> None:
        self.records: list[EpochRecord] = []
        self.snapshots: dict[int, Checkpoint] = {}

    def __call__(self, record: EpochRecord, snapshot: Callable[[], Checkpoint]) -> None:
        self.records.append(record)
        self.snapshots[record.epoch] = snapshot()


def figures(records: list[EpochRecord]) -> list[dict[str, float]]:
    """Metrics without the wall clock."""
    return [{k: v for k, v in r.metrics.items() if "second" not in k} for r in records]


def same_weights(a: Checkpoint, b: Checkpoint) -> bool:
    left, right = a.state["learner"], b.state["learner"]
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_it_learns_and_reports_every_epoch() -> None:
    log = Log()
    result = fit(config(), log)
    assert [(r.epoch, r.evaluated) for r in log.records] == [(1, False), (2, True), (3, False), (4, True)]
    losses = [r.metrics["train/loss"] for r in log.records]
    assert losses[-1] < losses[0]
    assert result.metrics["val/probe_top1/leaf"] > 0.8
    assert {"train/loss/parity", "train/loss/digit", "val/knn_top1/parity"} <= log.records[-1].metrics.keys()


def test_the_same_configuration_gives_the_same_run_to_the_last_bit() -> None:
    first, second = Log(), Log()
    fit(config(), first)
    fit(config(), second)
    assert figures(first.records) == figures(second.records)
    assert same_weights(first.snapshots[4], second.snapshots[4])


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_resumed_run_is_the_undisturbed_run(stop: int) -> None:
    whole, rest = Log(), Log()
    fit(config(), whole)
    fit(config(), rest, resume=whole.snapshots[stop])
    assert figures(rest.records) == figures(whole.records)[stop:]
    assert figures(list(rest.snapshots[4].history)) == figures(whole.records)
    assert same_weights(whole.snapshots[4], rest.snapshots[4])


def test_a_complete_run_that_is_resumed_is_judged_again() -> None:
    whole, again = Log(), Log()
    result = fit(config(), whole)
    repeated = fit(config(), again, resume=whole.snapshots[4])
    assert [r.epoch for r in again.records] == [4]
    assert repeated.metrics == result.metrics
    assert figures(list(repeated.checkpoint.history)) == figures(whole.records)


def test_another_seed_gives_another_run() -> None:
    first, second = Log(), Log()
    fit(config(training={"epochs": 1}), first)
    fit(config(training={"epochs": 1}, seed=1), second)
    assert first.records[0].metrics["train/loss"] != second.records[0].metrics["train/loss"]


def test_a_nan_loss_stops_the_run_before_the_update(monkeypatch: pytest.MonkeyPatch) -> None:
    weights: list[torch.Tensor] = []
    original = SumSupcon.forward

    def poisoned(self: SumSupcon, batch: Any) -> Any:
        report = original(self, batch)
        return type(report)(report.total * float("nan"), report.per_level, report.num_valid_anchors)

    monkeypatch.setattr(SumSupcon, "forward", poisoned)
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda self, *a: weights.append(torch.zeros(1)))
    with pytest.raises(NonFiniteLoss, match=r"became nan in epoch 1, step 1 .* the weights were not updated"):
        fit(config(objective={"kind": "sum-supcon"}), Log())
    assert weights == []


def test_a_full_gpu_is_told_with_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("Tried to allocate 9 GiB.\nSee the manual.")

    monkeypatch.setattr(SumSupcon, "forward", full)
    with pytest.raises(TrainingError, match=r"lower training\.global_batch_size, .* \(Tried to allocate 9 GiB\.\)$"):
        fit(config(objective={"kind": "sum-supcon"}), Log())


def test_train_on_everything_is_judged_on_test_alone() -> None:
    values = {"data": {"train_on": "train+val"}, "evaluation": {"every": 2, "chosen_regularisation": [0.1, 0.1]}}
    log = Log()
    result = fit(config(**values), log, test=True)
    assert {name.split("/")[0] for name in result.metrics} == {"test"}
    assert result.metrics["test/probe_top1/leaf"] > 0.8


def test_what_does_not_fit_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"objective\.level_weights holds 3 values, .* 2 levels"):
        fit(config(objective={"kind": "sum-supcon", "level_weights": [1, 1, 1]}), Log())
    log = Log()
    fit(config(training={"epochs": 1}), log)
    with pytest.raises(CheckpointError, match="the checkpoint belongs to another model"):
        fit(config(encoder={"kind": "mlp", "hidden_dim": 32}), Log(), resume=log.snapshots[1])
    with pytest.raises(CheckpointError, match="the data changed since the checkpoint was written"):
        fit(config(data={"split_seed": 1}), Log(), resume=log.snapshots[1])
