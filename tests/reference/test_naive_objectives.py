"""Every objective against its formulas in loops: values and gradients, on ordinary and on hostile batches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from expected import Expected, doubled, make_tree, random_masks
from pydantic import TypeAdapter
from torch import Tensor

from hmlc_ray.config.objective import ObjectiveConfig
from hmlc_ray.objectives import Batch, Dims, Objective, build_objective
from hmlc_ray.taxonomy import Taxonomy

WIDTH, FEATURES = 12, 7

OBJECTIVES: dict[str, dict[str, Any]] = {
    "simclr": {"kind": "simclr"},
    "supcon": {"kind": "supcon"},
    "supcon coarse": {"kind": "supcon", "level": 0},
    "sum-supcon": {"kind": "sum-supcon", "level_weights": "fine_to_coarse"},
    "sum-supcon anchor": {"kind": "sum-supcon", "imbalance": "anchor", "imbalance_gamma": 0.7},
    "sum-supcon balanced": {"kind": "sum-supcon", "imbalance": "denominator", "prototype_momentum": 0.5},
    "sum-supcon chunk": {"kind": "sum-supcon", "imbalance": "denominator", "chunk": 5},
    "g-hmlc partition": {"kind": "g-hmlc"},
    "g-hmlc nested": {"kind": "g-hmlc", "nesting": "nested", "imbalance": "anchor"},
    "g-hmlc soft": {"kind": "g-hmlc", "hardness": "soft", "imbalance": "denominator"},
    "g-hmlc ones": {"kind": "g-hmlc", "chunk": 4},
    "a-hmlc": {"kind": "a-hmlc", "attention_temperature": 0.7, "bottleneck": 3, "overlap_penalty": 0.3},
    "a-hmlc balanced": {"kind": "a-hmlc", "imbalance": "denominator", "initial_bias": 0.0},
    "mlcl": {"kind": "mlcl"},
    "bhcl": {"kind": "bhcl"},
    **{f"{kind} paper": {"kind": kind, "variant": "paper"} for kind in ("hmc", "hce", "hmce")},
    **{f"{kind} code": {"kind": kind} for kind in ("hmc", "hce", "hmce")},
    "hmce anchor": {"kind": "hmce", "variant": "paper", "imbalance": "anchor"},
    "hmce balanced": {"kind": "hmce", "variant": "paper", "imbalance": "denominator"},
    "hmce code balanced": {"kind": "hmce", "imbalance": "denominator"},
    "cross-entropy": {"kind": "cross-entropy", "consistency_penalty": 0.4},
    "cross-entropy leaf": {"kind": "cross-entropy", "level": "leaf"},
    "max-constraint": {"kind": "cross-entropy", "max_constraint": True},
}
MASKS = {"g-hmlc partition": "partition", "g-hmlc nested": "nested", "g-hmlc soft": "soft", "g-hmlc ones": "ones"}


@dataclass(frozen=True)
class Case:
    tree: tuple[int, ...]
    rows: int = 12
    temperature: float = 0.1
    leaf: Callable[[int], Tensor] | None = None
    change: Callable[[Tensor], Tensor] = lambda z: z
    ties: bool = False
    """Pairs lose exactly the same, so the gradient of a maximum is not unique."""


def duplicates(z: Tensor) -> Tensor:
    return z[torch.arange(len(z)) // 3]


def falling(z: Tensor) -> Tensor:
    """Rows of length 1 down to 1e-11, and two of zero."""
    z = z * 10.0 ** -torch.arange(len(z))[:, None]
    return torch.cat([torch.zeros(2, z.shape[1]), z[2:]])


CASES = {
    "ordinary": Case((2, 2, 2)),
    "one level": Case((4,)),
    "five levels": Case((1, 2, 2, 1, 2)),
    "one class": Case((2, 2), leaf=lambda n: torch.full((n,), 3)),
    "singletons": Case((2, 3, 2), leaf=torch.arange),
    "singletons everywhere": Case((12,), leaf=torch.arange),
    "two rows": Case((2, 2), rows=2, leaf=lambda n: torch.zeros(n, dtype=torch.int64)),
    "duplicated rows": Case((2, 2, 2), change=duplicates, ties=True),
    "tiny rows": Case((2, 2, 2), change=falling, ties=True),
    "huge rows": Case((2, 2), change=lambda z: z * 1e30),
    "cold": Case((2, 2, 2), temperature=0.01),
    "cold and alike": Case((2, 2), temperature=0.01, change=lambda z: 1 + 1e-3 * z),
    "bfloat16": Case((2, 2, 2), change=lambda z: z.bfloat16()),
}


def make(values: dict[str, Any], taxonomy: Taxonomy, masks: str | None = None) -> tuple[Objective, list[Any]]:
    counts = list(taxonomy.class_counts(np.arange(taxonomy.num_leaves).repeat(np.arange(1, taxonomy.num_leaves + 1))))
    objective = build_objective(
        TypeAdapter(ObjectiveConfig).validate_python(values), Dims(taxonomy, counts, WIDTH, FEATURES)
    )
    if masks is not None:
        state = objective.state_dict()
        state["mask"] = random_masks(masks, taxonomy.num_levels, WIDTH)
        state["assignment"] = torch.zeros(WIDTH, dtype=torch.int64)
        objective.load_state_dict(state)
    return objective, counts


def make_batch(case: Case, taxonomy: Taxonomy) -> Batch:
    """Two views per sample; row order is mixed, as gathering from workers makes it."""
    n = case.rows
    half = torch.randint(0, taxonomy.num_leaves, (n // 2,)).repeat(2)
    leaf = half if case.leaf is None else case.leaf(n)
    instance = torch.arange(n // 2).repeat(2)
    # Views of one draw have one label; rows of different leaves are draws of their own.
    draw = instance if torch.equal(leaf[: n // 2], leaf[n // 2 :]) else torch.arange(n)
    order = torch.randperm(n)
    features = case.change(torch.randn(n, FEATURES))
    # Classifiers are compared where they do not saturate.
    features = features.float().clamp(-3, 3).to(features.dtype)
    return Batch(
        embeddings=case.change(torch.randn(n, WIDTH)).requires_grad_(),
        paths=torch.from_numpy(taxonomy.paths(leaf.numpy()))[order],
        instance=instance[order],
        features=features.requires_grad_(),
        draw=draw[order],
    )


def close(actual: Tensor | None, wanted: Tensor | None, tolerance: float, rows: Tensor | None = None) -> None:
    """Gradients with respect to rows are compared for rows of length 1: the loss does not depend on the length."""
    wanted = torch.zeros(()) if wanted is None else wanted
    actual = torch.zeros_like(wanted) if actual is None else actual.double()
    if rows is not None:
        length = torch.linalg.vector_norm(rows.detach().double(), dim=1, keepdim=True).clamp_min(1e-6)
        actual, wanted = actual * length, wanted * length
    assert torch.isfinite(actual).all()
    allowed = tolerance * max(1.0, float(wanted.abs().max()))
    assert float((actual - wanted).abs().max()) <= allowed


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("name", OBJECTIVES)
def test_agrees_with_loops(name: str, case: Case) -> None:
    torch.manual_seed(3)
    values = {**OBJECTIVES[name]}
    if values["kind"] != "cross-entropy":
        values["temperature"] = case.temperature
    taxonomy = make_tree(case.tree)
    objective, counts = make(values, taxonomy, MASKS.get(name))
    reference = Expected(values, objective, taxonomy, counts)
    # The second step meets the prototypes of the first.
    for step in range(2):
        batch = make_batch(case, taxonomy)
        exact = doubled(batch)
        report = objective(batch)
        wanted = reference.loss(exact)
        # A similarity in float32 is known to about 1e-7, and is divided by the temperature.
        tolerance = max(1e-5, 3e-7 / case.temperature)
        close(report.total.detach(), wanted.detach(), tolerance)
        if step == 0 or not wanted.requires_grad:
            continue
        wanted.backward()
        report.total.backward()
        if case.ties and values["kind"] in ("hce", "hmce"):
            continue
        for key, parameter in objective.named_parameters():
            close(parameter.grad, reference.parameters[key].grad, tolerance)
        if batch.embeddings.dtype == torch.bfloat16:
            tolerance = 4e-3  # A gradient in bfloat16 is rounded to it.
        close(batch.embeddings.grad, exact.embeddings.grad, tolerance, batch.embeddings)
        assert batch.features is not None
        assert exact.features is not None
        close(batch.features.grad, exact.features.grad, tolerance, batch.features)
