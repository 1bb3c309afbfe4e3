"""`hmc`, `hce` and `hmce` as released, in float64, on batches in which the coarser levels count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from expected import Expected, doubled
from pydantic import TypeAdapter

from hmlc_ray.config.objective import ObjectiveConfig
from hmlc_ray.objectives import Batch, Dims, Objective, build_objective
from hmlc_ray.taxonomy import Taxonomy

WIDTH = 8
TREES: dict[str, list[str]] = {
    # Leaves are numbered in this order, so classes are not numbered alike at all levels.
    "regular": [f"{a}/{b}/{c}" for a in "xyz" for b in "pq" for c in "12"],
    "crossed": ["x/p/1", "y/r/2", "x/q/3", "y/s/4", "x/p/5", "x/q/6", "y/r/7", "z/t/8", "y/s/9", "x/q/10"],
    "only children": ["x/p/1", "y/q/2", "y/q/3", "z/r/4", "z/s/5"],
}


def make(values: dict[str, Any], tree: str) -> tuple[Objective, Taxonomy, list[Any]]:
    taxonomy = Taxonomy.from_paths(["coarse", "middle", "leaf"], [path.split("/") for path in TREES[tree]])
    counts = list(taxonomy.class_counts(np.arange(taxonomy.num_leaves)))
    config = TypeAdapter(ObjectiveConfig).validate_python(values)
    objective = build_objective(config, Dims(taxonomy, counts, WIDTH, feature_dim=1))
    return objective.double(), taxonomy, counts


def make_batch(taxonomy: Taxonomy, leaf: Sequence[int], *, views: int = 2, seed: int = 0) -> Batch:
    """Rows of one leaf lie close together and siblings do not: the finest level has little to lose.

    The first and the last sample are the same one, drawn twice.
    """
    random = torch.Generator().manual_seed(seed)
    centres = torch.nn.functional.normalize(torch.randn(taxonomy.num_leaves, WIDTH, generator=random), dim=1)
    rows = torch.as_tensor([*leaf, leaf[0]]).repeat(views)
    noise = 0.05 * torch.randn(len(rows), WIDTH, generator=random)
    draw = torch.arange(len(leaf) + 1)
    batch = Batch(
        centres[rows] + noise,
        torch.from_numpy(taxonomy.paths(rows.numpy())),
        torch.cat([draw[:-1], draw[:1]]).repeat(views),
        torch.zeros(len(rows), 1),
        draw.repeat(views),
    )
    return doubled(batch)


def leaves(taxonomy: Taxonomy, count: int, seed: int) -> list[int]:
    drawn: list[int] = np.random.default_rng(seed).integers(0, taxonomy.num_leaves, count).tolist()
    return drawn


@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize("kind", ["hmc", "hce", "hmce"])
def test_values_and_gradients_are_those_of_the_rule(kind: str, tree: str) -> None:
    values: dict[str, Any] = {"kind": kind, "temperature": 0.2}
    if kind != "hce":  # phi, in numbers that float32 holds exactly
        values["level_weights"] = (1.25, 1.5, 2.0)
    objective, taxonomy, counts = make(values, tree)
    coarser_counts = 0
    for seed, views in ((0, 2), (1, 2), (2, 3)):
        batch = make_batch(taxonomy, leaves(taxonomy, 8, seed), views=views, seed=seed)
        exact = doubled(batch)
        report = objective(batch)
        wanted = Expected(values, objective, taxonomy, counts).loss(exact)
        (own,) = torch.autograd.grad(report.total, batch.embeddings)
        (gradient,) = torch.autograd.grad(wanted, exact.embeddings)
        torch.testing.assert_close(report.total, wanted, rtol=1e-11, atol=0)
        torch.testing.assert_close(own, gradient, rtol=1e-9, atol=1e-11)
        coarser_counts += bool(report.per_level[:-1].max() > report.per_level[-1])
    assert coarser_counts >= 1


def test_after_the_finest_level_order_is_that_of_classes() -> None:
    """Each middle class is left with the sample of its smallest leaf."""
    objective, taxonomy, _ = make({"kind": "hmc", "level_weights": (1.0, 0.0, 0.0)}, "crossed")
    # In the batch, samples of larger classes come first; of leaf 7 (y/r) there are two.
    leaf = [9, 8, 7, 6, 6, 5, 4, 3, 2, 1]
    batch = make_batch(taxonomy, leaf)
    (gradient,) = torch.autograd.grad(objective(batch).total, batch.embeddings)
    contrasted = (gradient.abs().sum(dim=1) > 0).reshape(2, -1)
    assert torch.equal(contrasted[0], contrasted[1])
    # The coarsest level contrasts one sample of each middle class: p, q of x; r, s of y; t of z.
    kept = {leaf[i] for i in contrasted[0, :-1].nonzero().flatten().tolist()}
    assert kept == {4, 2, 1, 3, 7}
    assert int(contrasted.sum()) == 2 * 5


def test_as_released_is_the_default() -> None:
    for kind in ("hmc", "hce", "hmce"):
        default, _, _ = make({"kind": kind}, "regular")
        named, taxonomy, _ = make({"kind": kind, "variant": "code"}, "regular")
        batch = make_batch(taxonomy, leaves(taxonomy, 8, 0))
        assert torch.equal(default(batch).total, named(batch).total)


def test_a_sample_that_is_drawn_twice_stays_once() -> None:
    objective, taxonomy, _ = make({"kind": "hmce"}, "regular")
    batch = make_batch(taxonomy, [0, 3, 7])
    # One sample of each of three leaves is left after the finest level, in two views each.
    assert objective(batch).num_valid_anchors.tolist() == [6, 6, 8]
