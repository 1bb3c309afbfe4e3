"""What every objective promises, beyond its formula, which `tests/reference` checks."""

from __future__ import annotations

from typing import Any

import pytest
import small_objectives
import torch
from conformance.members import EXAMPLES, built_by_table, own, variants
from planted import regular_tree
from small_objectives import WIDTH, assert_gradients_are_exact, make_batch

from hmlc_ray.config.objective import ObjectiveSection
from hmlc_ray.objectives import BUILDERS, Batch, Objective
from hmlc_ray.taxonomy import Taxonomy

CASES: dict[str, Any] = {
    name: config
    for section in (*own("objective").values(), EXAMPLES["objective"])
    for name, config in variants(section)
}
every_objective = pytest.mark.parametrize("config", CASES.values(), ids=CASES)


def made(config: Any, taxonomy: Taxonomy) -> Objective:
    torch.manual_seed(0)
    return small_objectives.made(config, taxonomy)


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
    assert_gradients_are_exact(config)


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
