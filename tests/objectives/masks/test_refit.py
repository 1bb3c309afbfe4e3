from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from planted import planted, regular_tree

from hmlc_ray.config.objective import GHmlcConfig
from hmlc_ray.objectives.masks.assignment import level_quotas, smallest_level
from hmlc_ray.objectives.masks.refit import fit_masks, fixed_masks, mixture_count, refit_due


def ends(num_epochs: int, **values: Any) -> list[int]:
    """Epochs at whose end masks are made."""
    config = GHmlcConfig(**values)
    return [epoch for epoch in range(num_epochs) if refit_due(config, epoch, num_epochs)]


def test_masks_start_after_the_warm_up_and_are_frozen_at_the_end() -> None:
    assert ends(10, warmup_epochs=2, refit_every=2, freeze_fraction=0.4) == [1, 3, 5]
    assert ends(10, warmup_epochs=2, refit_every=1, freeze_fraction=0.4) == [1, 2, 3, 4, 5]
    assert ends(10, warmup_epochs=3, refit_every=4, freeze_fraction=0.0) == [2, 6]
    assert ends(5, warmup_epochs=0, refit_every=1, freeze_fraction=0.0) == [0, 1, 2, 3]


def test_the_first_fit_is_made_however_much_is_frozen() -> None:
    assert ends(10, warmup_epochs=7, freeze_fraction=0.9) == [6]
    assert ends(4, warmup_epochs=0, freeze_fraction=1.0) == [0]


def test_no_fit_is_made_that_no_epoch_would_use() -> None:
    assert ends(1, warmup_epochs=0) == []
    assert ends(3, warmup_epochs=3) == []
    assert ends(3, warmup_epochs=2, freeze_fraction=0.0) == [1]


def test_the_mixture_count_follows_the_levels_and_the_dimensions() -> None:
    assert mixture_count(GHmlcConfig(), 128, 3) == 4
    assert mixture_count(GHmlcConfig(mask="dirichlet"), 128, 3) == 8
    assert mixture_count(GHmlcConfig(mixture_components=6), 128, 3) == 6
    assert mixture_count(GHmlcConfig(), 2, 2) == 2


@pytest.mark.parametrize("mask", ["mixture", "dirichlet", "argmax"])
@pytest.mark.parametrize("quota", ["free", "equal", "log_classes"])
@pytest.mark.parametrize("children", [(4,), (2, 3), (2, 2, 2, 2, 2)])
def test_partitions_are_disjoint_cover_and_keep_their_quotas(children: tuple[int, ...], quota: str, mask: str) -> None:
    made = planted(children, samples=400, per_level=6)
    config = GHmlcConfig.model_validate({"mask": mask, "quota": quota, "nesting": "partition"})
    fit = fit_masks(config, made.sums(), made.taxonomy, None)
    num_dims = made.embeddings.shape[1]
    np.testing.assert_array_equal(fit.masks.sum(axis=0), 1)
    np.testing.assert_array_equal(fit.masks[fit.level, np.arange(num_dims)], 1)
    if quota == "free":
        assert fit.masks.sum(axis=1).min() >= smallest_level(num_dims, len(children))
    else:
        expected = level_quotas(quota, num_dims, made.taxonomy.num_classes)
        np.testing.assert_array_equal(fit.masks.sum(axis=1), expected)


def test_the_log_of_a_fit() -> None:
    made = planted((4, 5))
    config = GHmlcConfig(quota="free", share_margin=0.0, nesting="partition")
    first = fit_masks(config, made.sums(), made.taxonomy, None)
    again = fit_masks(config, made.sums(), made.taxonomy, first.level)
    expected = {"mask/bic", "mask/components", "mask/converged", "mask/overlap", "mask/dims/0", "mask/dims/1"}
    assert set(first.log) == expected
    assert set(again.log) == expected | {"mask/stability"}
    np.testing.assert_array_equal(first.masks, again.masks)
    assert again.log["mask/stability"] == 1
    assert again.log["mask/overlap"] == 0
    assert again.log["mask/components"] == 3
    assert again.log["mask/dims/0"] + again.log["mask/dims/1"] == made.embeddings.shape[1]
    shuffled = np.random.default_rng(0).permutation(first.level)
    assert fit_masks(config, made.sums(), made.taxonomy, shuffled).log["mask/stability"] < 0.2


def test_a_wide_margin_shares_components_between_two_levels() -> None:
    made = planted((4, 5))
    config = GHmlcConfig(quota="free", share_margin=100.0, nesting="partition")
    fit = fit_masks(config, made.sums(), made.taxonomy, None)
    np.testing.assert_array_equal(fit.masks, 1)
    assert fit.log["mask/overlap"] == 1


def test_the_random_control_has_the_same_sizes_and_its_own_seed() -> None:
    taxonomy = regular_tree((4, 5))
    config = GHmlcConfig(mask="random", nesting="partition")
    seeded = (config.model_copy(update={"mask_seed": seed}) for seed in (0, 0, 1))
    first, again, other = (fixed_masks(own, 50, taxonomy) for own in seeded)
    np.testing.assert_array_equal(first.masks, again.masks)
    assert not np.array_equal(first.masks, other.masks)
    np.testing.assert_array_equal(first.masks.sum(axis=1), [25, 25])
    np.testing.assert_array_equal(first.masks.sum(axis=0), 1)
    by_classes = fixed_masks(config.model_copy(update={"quota": "log_classes"}), 50, taxonomy)
    np.testing.assert_array_equal(by_classes.masks.sum(axis=1), level_quotas("log_classes", 50, (4, 20)))
    nested = fixed_masks(GHmlcConfig(mask="random"), 50, taxonomy)
    np.testing.assert_array_equal(nested.masks.sum(axis=1), [25, 50])
    quarter = fixed_masks(GHmlcConfig(mask="random", quota=(0.1, 0.4)), 50, taxonomy)
    np.testing.assert_array_equal(quarter.masks.sum(axis=1), [10, 50])
