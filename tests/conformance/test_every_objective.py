"""What every objective promises, beyond its formula, which `tests/reference` checks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from conformance.members import EXAMPLES, built_by_table, own, variants
from planted import regular_tree

from hmlc_ray.config.objective import ObjectiveSection
from hmlc_ray.objectives import BUILDERS, Batch, Dims, Objective, build_objective
from hmlc_ray.taxonomy import Taxonomy

WIDTH, FEATURES = 12, 6
CASES: dict[str, Any] = {
    name: config
    for section in (*own("objective").values(), EXAMPLES["objective"])
    for name, config in variants(section)
}
every_objective = pytest.mark.parametrize("config", CASES.values(), ids=CASES)


def made(config: Any, taxonomy: Taxonomy) -> Objective:
    torch.manual_seed(0)
    counts = taxonomy.class_counts(np.arange(3 * taxonomy.num_leaves) % taxonomy.num_leaves)
    return build_objective(config, Dims(taxonomy, counts, WIDTH, FEATURES))


def make_batch(taxonomy: Taxonomy, samples: int = 6, seed: int = 0, dtype: torch.dtype = torch.float32) -> Batch:
    random = torch.Generator().manual_seed(seed)
    leaf = torch.randint(0, taxonomy.num_leaves, (samples,), generator=random).repeat(2)
    return Batch(
        torch.randn(2 * samples, WIDTH, generator=random, dtype=dtype),
        torch.from_numpy(taxonomy.paths(leaf.numpy())),
        torch.arange(samples).repeat(2),
        torch.randn(2 * samples, FEATURES, generator=random, dtype=dtype),
    )


def test_the_table_has_every_kind_and_no_other() -> None:
    assert {*BUILDERS} == built_by_table("objective")


@every_objective
def test_its_configuration_is_a_part_of_the_union(config: Any) -> None:
    assert isinstance(config, ObjectiveSection)
    assert type(config).model_validate(config.model_dump(mode="json")) == config
    assert hash(config) is not None


@every_objective
def test_it_says_whether_it_has_parameters(config: Any) -> None:
    assert any(True for _ in made(config, regular_tree((2, 2))).parameters()) == config.HAS_PARAMETERS


@every_objective
def test_gradients_are_exact(config: Any) -> None:
    taxonomy = regular_tree((2, 2, 2))
    objective = made(config, taxonomy).double()
    batch = make_batch(taxonomy, samples=4, dtype=torch.float64)
    objective(batch)
    objective.eval()  # Prototypes stand still.
    parameters = [p.detach().requires_grad_() for p in objective.parameters()]
    names = [name for name, _ in objective.named_parameters()]
    inputs = (batch.embeddings.requires_grad_(), batch.features.requires_grad_(), *parameters)  # type: ignore[union-attr]

    def loss(z: torch.Tensor, f: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        own = dict(zip(names, parameters, strict=True))
        report = torch.func.functional_call(objective, own, Batch(z, batch.paths, batch.instance, f))
        return report.total

    assert torch.autograd.gradcheck(loss, inputs, fast_mode=True, atol=1e-4)


@every_objective
@pytest.mark.parametrize("tree", [(2, 2, 2), (6,), (1, 3)], ids=str)
def test_reports(config: Any, tree: tuple[int, ...]) -> None:
    taxonomy = regular_tree(tree)
    report = made(config, taxonomy)(make_batch(taxonomy))
    assert report.total.shape == ()
    assert report.total.isfinite()
    assert report.per_level.shape == report.num_valid_anchors.shape == (len(tree),)
    assert report.num_valid_anchors.dtype == torch.int64
    assert not report.per_level.requires_grad
    assert (report.num_valid_anchors[report.per_level.isnan()] == 0).all()
    assert all(value.ndim == 0 and not value.requires_grad for value in report.extras.values())


@every_objective
def test_features_are_read_only_where_they_are_asked_for(config: Any) -> None:
    taxonomy = regular_tree((2, 2))
    batch = make_batch(taxonomy)
    objective = made(config, taxonomy).eval()
    wanted = objective(batch).total
    if objective.needs_features:
        return
    without = Batch(batch.embeddings, batch.paths, batch.instance, None, batch.draw)
    torch.testing.assert_close(objective(without).total, wanted)


@every_objective
def test_state_is_restored(config: Any) -> None:
    taxonomy = regular_tree((2, 2, 2))
    first, second = made(config, taxonomy), made(config, taxonomy)
    first(make_batch(taxonomy, seed=1))
    second.load_state_dict(first.state_dict())
    batch = make_batch(taxonomy, seed=2)
    assert torch.equal(first(batch).total, second(batch).total)


@every_objective
def test_epochs_pass_and_masks_have_their_shape(config: Any) -> None:
    taxonomy = regular_tree((2, 2, 2))
    objective = made(config, taxonomy)
    for epoch in range(4):
        objective.begin_epoch(epoch, 4)
        assert objective(make_batch(taxonomy, samples=24, seed=epoch)).total.isfinite()
        noted = objective.end_epoch(epoch, 4)
        assert all(isinstance(name, str) and isinstance(value, float) for name, value in noted.items())
    masks = objective.masks()
    if masks is not None:
        assert masks.shape == (3, WIDTH)
        assert ((masks >= 0) & (masks <= 1)).all()
