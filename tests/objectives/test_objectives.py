"""What the objectives promise beyond their formulas, which `tests/reference` checks."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from planted import regular_tree
from pydantic import TypeAdapter, ValidationError
from small_objectives import FEATURES, WIDTH, assert_gradients_are_exact, made, make_batch

from hmlc_ray.config.objective import CrossEntropyConfig, ObjectiveConfig
from hmlc_ray.objectives import Batch, Dims, Objective, build_objective
from hmlc_ray.objectives.a_hmlc import AHmlc
from hmlc_ray.objectives.level_objective import LevelObjective
from hmlc_ray.taxonomy import Taxonomy

TOGETHER: tuple[dict[str, Any], ...] = (
    *({"kind": "a-hmlc", "imbalance": mode, "overlap_penalty": 0.1} for mode in ("anchor", "denominator")),
    {"kind": "cross-entropy", "max_constraint": True, "consistency_penalty": 0.5},
)
"""Settings that meet in one loss; `tests/conformance` has each objective's alone."""


def build(values: dict[str, Any], taxonomy: Taxonomy) -> Objective:
    return made(TypeAdapter(ObjectiveConfig).validate_python(values), taxonomy)


@pytest.mark.parametrize("values", TOGETHER, ids=lambda values: "-".join(map(str, values.values())))
def test_gradients_are_exact(values: dict[str, Any]) -> None:
    assert_gradients_are_exact(TypeAdapter(ObjectiveConfig).validate_python(values))


@pytest.mark.parametrize(("kind", "unused"), [("simclr", 3), ("supcon", 2), ("sum-supcon", 0)])
def test_levels_that_are_not_used_are_nan(kind: str, unused: int) -> None:
    taxonomy = regular_tree((2, 2, 2))
    assert int(build({"kind": kind}, taxonomy)(make_batch(taxonomy)).per_level.isnan().sum()) == unused


@pytest.mark.parametrize("kind", ["hmc", "hce", "hmce", "sum-supcon"])
def test_with_one_level_they_are_supcon(kind: str) -> None:
    taxonomy = regular_tree((6,))
    batch = make_batch(taxonomy)
    values = {"kind": kind} if kind == "sum-supcon" else {"kind": kind, "variant": "paper"}
    torch.testing.assert_close(build(values, taxonomy)(batch).total, build({"kind": "supcon"}, taxonomy)(batch).total)


@pytest.mark.parametrize(("kind", "factor"), [("hmc", 1), ("hce", 0.5), ("hmce", 1)])
def test_with_one_level_the_released_code_is_supcon_up_to_a_factor(kind: str, factor: float) -> None:
    """phi(1) = 2 in `hmc` and `hmce`, divided by two columns: the level's and the sample's id."""
    taxonomy = regular_tree((6,))
    batch = make_batch(taxonomy)
    wanted = build({"kind": "supcon"}, taxonomy)(batch).total
    torch.testing.assert_close(build({"kind": kind}, taxonomy)(batch).total, factor * wanted)


def test_simclr_is_supcon_with_a_class_per_sample() -> None:
    taxonomy = regular_tree((6,))
    batch = make_batch(taxonomy)
    own = Batch(batch.embeddings, batch.instance[:, None], batch.instance, batch.features)
    report = build({"kind": "simclr"}, taxonomy)(batch)
    torch.testing.assert_close(report.total, build({"kind": "supcon"}, taxonomy)(own).total)
    assert report.extras["valid_anchors"] == 12


def test_attention_does_not_care_for_the_order_of_levels() -> None:
    torch.manual_seed(0)
    order = [2, 0, 1]
    taxonomy = regular_tree((2, 2, 2))
    values = {
        "kind": "a-hmlc",
        "temperature": (0.1, 0.2, 0.3),
        "level_weights": (1.0, 2.0, 3.0),
        "overlap_penalty": 0.3,
    }
    moved = {key: [v[h] for h in order] if isinstance(v, tuple) else v for key, v in values.items()}
    one, other = build(values, taxonomy), build(moved, taxonomy)
    assert isinstance(one, AHmlc)
    assert isinstance(other, AHmlc)
    for h, source in enumerate(order):
        other.heads[h].load_state_dict(one.heads[source].state_dict())
    batch = make_batch(taxonomy)
    turned = Batch(batch.embeddings, batch.paths[:, order], batch.instance)
    torch.testing.assert_close(one(batch).total, other(turned).total)


def test_gates_start_near_unmasked_and_are_reported() -> None:
    torch.manual_seed(0)
    taxonomy = regular_tree((2, 3))
    objective = build({"kind": "a-hmlc"}, taxonomy)
    report = objective(make_batch(taxonomy))
    masks = objective.masks()
    assert masks is not None
    assert masks.shape == (2, WIDTH)
    for h in range(2):
        assert report.extras[f"gate_mean/{h}"] == pytest.approx(float(masks[h].mean()))
        assert 0.75 < report.extras[f"gate_mean/{h}"] < 0.95


def test_overlap_penalty_pulls_gates_apart() -> None:
    torch.manual_seed(0)
    taxonomy = regular_tree((2, 3))
    objective = build({"kind": "a-hmlc", "overlap_penalty": 100.0}, taxonomy)
    batch, optimiser = make_batch(taxonomy), torch.optim.Adam(objective.parameters(), lr=0.05)
    before = objective(batch).extras["gate_overlap"]
    for _ in range(30):
        optimiser.zero_grad()
        objective(batch).total.backward()
        optimiser.step()
    assert objective(batch).extras["gate_overlap"] < 0.5 * before


def test_bhcl_is_unbalanced_at_first() -> None:
    taxonomy = regular_tree((2, 3))
    objective = build({"kind": "bhcl", "unbalanced_epochs": 2}, taxonomy)
    plain = build({"kind": "sum-supcon", "level_weights": "exp"}, taxonomy)
    batch = make_batch(taxonomy)
    for epoch, same in ((0, True), (1, True), (2, False)):
        objective.begin_epoch(epoch, 4)
        assert torch.equal(objective(batch).total, plain(batch).total) == same


def test_prototypes_follow_their_classes_in_training_alone() -> None:
    taxonomy = regular_tree((2, 2))
    objective = build({"kind": "sum-supcon", "imbalance": "denominator", "prototype_momentum": 0.75}, taxonomy)
    assert isinstance(objective, LevelObjective)
    z = torch.zeros(2, WIDTH)
    z[:, 0] = 3.0
    paths = torch.tensor([[0, 1], [0, 1]])
    objective(Batch(z, paths, torch.arange(2)))
    assert objective.balance.seen.tolist() == [True, False, False, True, False, False]
    assert objective.balance.prototypes[:, 0].tolist() == [1, 0, 0, 1, 0, 0]
    objective(Batch(-z, paths, torch.arange(2)))
    assert objective.balance.prototypes[:, 0].tolist() == [0.5, 0, 0, 0.5, 0, 0]
    objective.eval()
    objective(Batch(-z, paths, torch.arange(2)))
    assert objective.balance.prototypes[:, 0].tolist() == [0.5, 0, 0, 0.5, 0, 0]


def test_released_code_keeps_one_sample_per_class() -> None:
    """Leaves 0, 0, 1, 2 in two views: then one sample of each leaf, then one of each coarse class is left."""
    taxonomy = regular_tree((2, 2, 2))
    leaf = np.array([0, 0, 1, 2])
    batch = Batch(
        torch.randn(8, WIDTH, generator=torch.Generator().manual_seed(0)),
        torch.from_numpy(taxonomy.paths(leaf)).repeat(2, 1),
        torch.tensor([7, 3, 5, 1]).repeat(2),
    )
    report = build({"kind": "hmce", "variant": "code"}, taxonomy)(batch)
    # Level 1 sees three samples, level 0 two (leaves 0 and 1 share their parent), each in two views.
    assert report.num_valid_anchors.tolist() == [4, 6, 8]


def test_settings_that_do_not_fit_are_refused() -> None:
    for option in ({"consistency_penalty": 0.1}, {"max_constraint": True}):
        with pytest.raises(ValidationError, match="needs `level: all`"):
            CrossEntropyConfig(level="leaf", **option)


def test_the_leaf_classifier_alone_counts_in_full() -> None:
    taxonomy = regular_tree((2, 2))
    batch = make_batch(taxonomy)
    reports = []
    for weights in ("uniform", (1.0, 0.0)):
        torch.manual_seed(0)
        reports.append(build({"kind": "cross-entropy", "level": "leaf", "level_weights": weights}, taxonomy)(batch))
    assert torch.equal(reports[0].total, reports[1].total)
    assert torch.equal(reports[0].total.detach(), reports[0].per_level[1])


def test_max_constraint_rewards_predictions_that_obey_the_tree() -> None:
    """With the right leaf's logit high, the parent's own logit does not matter."""
    taxonomy = regular_tree((2, 2))
    objective = build({"kind": "cross-entropy", "max_constraint": True}, taxonomy)
    for classifier in objective.classifiers:  # type: ignore[union-attr]
        torch.nn.init.zeros_(classifier.weight)
        torch.nn.init.constant_(classifier.bias, -20.0)
    objective.classifiers[1].bias.data[3] = 20.0  # type: ignore[index, union-attr]
    features = torch.zeros(2, FEATURES)
    paths = torch.tensor([[1, 3], [1, 3]])
    assert objective(Batch(features, paths, torch.arange(2), features)).total < 1e-6


@pytest.mark.filterwarnings("ignore")  # The compiler warns about its own tracing.
@pytest.mark.parametrize(
    "values",
    [
        {"kind": "hmce"},
        {"kind": "a-hmlc"},
        {"kind": "bhcl", "unbalanced_epochs": 0},
        {"kind": "g-hmlc", "mask": "random"},
    ],
)
def test_compiles_as_one_graph(values: dict[str, Any]) -> None:
    taxonomy = regular_tree((2, 2))
    objective, batch = build(values, taxonomy), make_batch(taxonomy)
    for epoch in range(3):  # Masks come into use.
        objective.begin_epoch(epoch, 20)
        objective(batch)
        objective.end_epoch(epoch, 20)
    objective.begin_epoch(3, 20)
    same = deepcopy(objective)
    z = batch.embeddings.requires_grad_()
    compiled = torch.compile(
        lambda z: objective(Batch(z, batch.paths, batch.instance, batch.features)).total,
        backend="aot_eager",
        fullgraph=True,
    )
    for _ in range(2):  # Prototypes follow the first step.
        (wanted,), (gradient,) = torch.autograd.grad(same(batch).total, z), torch.autograd.grad(compiled(z), z)
        torch.testing.assert_close(gradient, wanted)
    torch.testing.assert_close(objective.state_dict(), same.state_dict())


def test_gates_are_not_computed_in_reduced_precision() -> None:
    taxonomy = regular_tree((2, 2))
    objective, batch = build({"kind": "a-hmlc"}, taxonomy), make_batch(taxonomy)
    inputs = [batch.embeddings.requires_grad_(), *objective.parameters()]
    expected = torch.autograd.grad(objective(batch).total, inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = objective(batch).total
    torch.testing.assert_close(torch.autograd.grad(loss, inputs), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["hmc", "hce", "hmce"])
@pytest.mark.parametrize("variant", ["code", "paper"])
def test_levels_in_the_opposite_order_are_those_of_a_tree_that_is_upside_down(kind: str, variant: str) -> None:
    taxonomy, values = regular_tree((2, 3)), {"kind": kind, "variant": variant}
    batch = make_batch(taxonomy, samples=12)
    counts = taxonomy.class_counts(np.arange(3 * taxonomy.num_leaves) % taxonomy.num_leaves)
    given = TypeAdapter(ObjectiveConfig).validate_python(values)
    upside_down = build_objective(given, Dims(taxonomy, counts[::-1], WIDTH, FEATURES))
    expected = upside_down(replace(batch, paths=batch.paths.flip(1)))
    found = build(values | {"level_order": "fine_first"}, taxonomy)(batch)
    assert found.total.item() == pytest.approx(expected.total.item())
    assert found.per_level.tolist() == pytest.approx(expected.per_level.flip(0).tolist())
    assert found.num_valid_anchors.tolist() == expected.num_valid_anchors.flip(0).tolist()
    assert found.total.item() != pytest.approx(build(values, taxonomy)(batch).total.item())
