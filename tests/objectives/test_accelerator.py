"""The way an accelerator computes the objectives, forced on a CPU: few operations, and none that waits for values."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from conformance.members import own, variants
from planted import regular_tree
from pytorch_metric_learning.losses import SupConLoss
from test_objectives import TOGETHER, build, make_batch

from hmlc_ray.objectives.contrast import dense, hardware

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from gpu_parts.launches import Launches

ALL = (
    *(
        {"kind": config.kind, **config.model_dump(exclude_defaults=True)}
        for section in own("objective").values()
        for _, config in variants(section)
    ),
    *TOGETHER,
    {"kind": "sum-supcon", "temperature": (0.1, 0.2, 0.1)},
    {"kind": "sum-supcon", "imbalance": "anchor"},
    {"kind": "sum-supcon", "imbalance": "denominator"},
    {"kind": "sum-supcon", "chunk": 4},
    {"kind": "supcon", "temperature": 0.01},
    {"kind": "g-hmlc", "mask": "random"},
    {"kind": "g-hmlc", "mask": "random", "nesting": "nested"},
    {"kind": "g-hmlc", "mask": "random", "imbalance": "denominator"},
    {"kind": "g-hmlc", "hardness": "soft"},
    {"kind": "cross-entropy", "level": "leaf"},
)


@pytest.fixture(autouse=True)
def accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "on_cpu", lambda tensor: False)


def step(values: dict[str, Any]) -> Launches:
    """What one step does, after epochs in which masks have come into use."""
    taxonomy = regular_tree((2, 2, 2))
    objective, batch = build(values, taxonomy), make_batch(taxonomy)
    for epoch in range(4):
        objective.begin_epoch(epoch, 20)
        objective(batch)
        if epoch < 3:
            objective.end_epoch(epoch, 20)
    batch.embeddings.requires_grad_()
    batch.features.requires_grad_()  # type: ignore[union-attr]
    objective(batch).total.backward()
    with Launches() as launches:
        objective(batch).total.backward()
    return launches


def name_of(values: dict[str, Any]) -> str:
    return "-".join(map(str, values.values()))


@pytest.mark.parametrize("values", ALL, ids=name_of)
def test_a_step_waits_for_nothing(values: dict[str, Any]) -> None:
    assert step(values).waits == {}


@pytest.mark.parametrize(
    ("values", "share"),
    [
        ({"kind": "supcon"}, 0.55),
        ({"kind": "sum-supcon"}, 0.55),
        ({"kind": "g-hmlc", "mask": "random"}, 0.6),
        ({"kind": "hmce"}, 0.8),
        ({"kind": "a-hmlc"}, 1.2),
    ],
    ids=str,
)
def test_all_levels_take_no_more_operations_than_one_supcon_of_pytorch_metric_learning(
    values: dict[str, Any], share: float
) -> None:
    batch = make_batch(regular_tree((2, 2, 2)))
    z = batch.embeddings.requires_grad_()
    with Launches() as theirs:
        SupConLoss(temperature=0.1)(z, batch.paths[:, -1]).backward()
    assert sum(step(values).kernels.values()) <= share * sum(theirs.kernels.values())


def test_matrices_that_are_too_large_are_computed_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    taxonomy = regular_tree((2, 2, 2))
    batch = make_batch(taxonomy, samples=20, dtype=torch.float64)
    objective = build({"kind": "sum-supcon", "chunk": 7}, taxonomy).double()
    whole = objective(batch).total
    monkeypatch.setattr(dense, "LARGEST_CHUNKED", 100)
    torch.testing.assert_close(objective(batch).total, whole)
