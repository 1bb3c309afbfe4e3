from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from planted import planted
from scipy.optimize import linear_sum_assignment

from hmlc_ray.objectives.masks.assignment import (
    LevelShares,
    assign,
    balance_to,
    component_levels,
    descriptor_shares,
    hard_masks,
    level_quotas,
    mixture_shares,
    overlap,
    smallest_level,
    soft_masks,
)
from hmlc_ray.objectives.masks.mixture import fit_mixture

sizes = st.tuples(st.integers(1, 60), st.integers(1, 5)).filter(lambda size: size[0] >= size[1])


def random_shares(num_dims: int, num_levels: int, seed: int, sharpness: float = 4) -> tuple[LevelShares, np.ndarray]:
    rng = np.random.default_rng(seed)
    u = rng.normal(size=(num_dims, num_levels))
    return descriptor_shares(sharpness * u), u


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("children", [(4, 5), (4, 4, 4)])
@pytest.mark.parametrize("dirichlet", [False, True])
def test_every_planted_dimension_is_recovered(children: tuple[int, ...], seed: int, dirichlet: bool) -> None:
    made = planted(children, seed=seed)
    u = made.descriptor()
    num_levels = len(children)
    of_a_level = made.level < num_levels
    for components in [2 * num_levels + 2] if dirichlet else range(num_levels + 1, 2 * num_levels + 3):
        shares = mixture_shares(fit_mixture(u, components, dirichlet=dirichlet, seed=0), 0.0)
        assigned = assign(shares, u, None)
        np.testing.assert_array_equal(assigned[of_a_level].argmax(axis=1), made.level[of_a_level])
        assert (assigned.sum(axis=1) == 1).all()


def test_many_components_may_belong_to_one_level_and_close_ones_to_two() -> None:
    means = np.array([[2.0, 0, -1], [1.5, 1.4, 0], [-1, -0.5, -0.45], [0, 0, 1]])
    assert component_levels(means, 0.0).argmax(axis=1).tolist() == [0, 0, 2, 2]
    assert component_levels(means, 0.0).sum() == 4
    shared = component_levels(means, 0.2)
    assert [np.flatnonzero(row).tolist() for row in shared] == [[0], [0, 1], [1, 2], [2]]
    assert component_levels(np.zeros((2, 1)), 5.0).tolist() == [[True], [True]]


@settings(max_examples=40, deadline=None)
@given(size=sizes, seed=st.integers(0, 99), form=st.sampled_from(["equal", "log_classes"]))
@example(size=(35, 5), seed=0, form="log_classes")  # every level at the floor
def test_quotas_hold_exactly_and_partition_the_dimensions(size: tuple[int, int], seed: int, form: str) -> None:
    num_dims, num_levels = size
    rng = np.random.default_rng(seed)
    quotas = level_quotas(form, num_dims, np.sort(rng.integers(1, 300, num_levels)).tolist())
    assert quotas.sum() == num_dims
    assert quotas.min() >= min(smallest_level(num_dims, num_levels), num_dims // num_levels) >= 1
    shares, u = random_shares(num_dims, num_levels, seed)
    masks = hard_masks(assign(shares, u, quotas), nested=False)
    np.testing.assert_array_equal(masks.sum(axis=1), quotas)
    np.testing.assert_array_equal(masks.sum(axis=0), 1)
    nested = hard_masks(assign(shares, u, quotas), nested=True)
    np.testing.assert_array_equal(nested.sum(axis=1), np.cumsum(quotas))


@settings(max_examples=25, deadline=None)
@given(size=sizes, seed=st.integers(0, 99))
def test_the_total_responsibility_is_that_of_the_linear_assignment(size: tuple[int, int], seed: int) -> None:
    num_dims, num_levels = size
    quotas = level_quotas("equal", num_dims, [2] * num_levels)
    shares, u = random_shares(num_dims, num_levels, seed, sharpness=20)
    places = np.repeat(np.arange(num_levels), quotas)
    rows, columns = linear_sum_assignment(shares.responsibility[:, places], maximize=True)
    best = shares.responsibility[rows, places[columns]].sum()
    found = (shares.responsibility * assign(shares, u, quotas)).sum()
    assert found == pytest.approx(best, abs=1e-4)


def test_log_class_quotas_follow_the_logarithms_down_to_a_floor() -> None:
    assert level_quotas("log_classes", 128, (20, 100)).tolist() == [50, 78]
    assert level_quotas("log_classes", 128, (1, 10, 1000)).tolist() == [10, 29, 89]
    assert level_quotas("log_classes", 10, (1, 1)).tolist() == [5, 5]
    assert level_quotas("equal", 128, (3, 43, 81)).tolist() == [42, 43, 43]


@settings(max_examples=40, deadline=None)
@given(size=sizes, seed=st.integers(0, 99), favourite=st.integers(0, 4))
def test_without_a_quota_no_level_is_empty(size: tuple[int, int], seed: int, favourite: int) -> None:
    num_dims, num_levels = size
    u = np.random.default_rng(seed).normal(size=size)
    u[:, favourite % num_levels] += 3
    shares = descriptor_shares(4 * u)
    assigned = assign(shares, u, None)
    assert assigned.sum(axis=0).min() >= smallest_level(num_dims, num_levels) >= 1
    np.testing.assert_array_equal(assigned.sum(axis=1), 1)
    stays = assigned[(assigned == shares.member).all(axis=1)]
    if (shares.member.sum(axis=0) >= smallest_level(num_dims, num_levels)).all():
        assert len(stays) == num_dims


def test_the_floor() -> None:
    assert smallest_level(128, 3) == 10
    assert smallest_level(64, 3) == 8
    assert smallest_level(16, 5) == 3
    assert smallest_level(2, 2) == 1


def test_shared_dimensions_stay_shared_when_the_floor_moves_others() -> None:
    responsibility = np.array([[1.0, 1, 0]] * 20 + [[1, 0, 0]] * 20)
    shares = LevelShares(responsibility, responsibility > 0)
    assigned = assign(shares, np.zeros((40, 3)), None)
    assert assigned[:, 2].sum() == smallest_level(40, 3)
    moved = assigned[:, 2]
    np.testing.assert_array_equal(assigned[~moved], shares.member[~moved])
    assert (assigned[moved].sum(axis=1) == 1).all()


@settings(max_examples=25, deadline=None)
@given(size=sizes, seed=st.integers(0, 99))
def test_balanced_responsibilities_meet_both_margins(size: tuple[int, int], seed: int) -> None:
    shares, _ = random_shares(*size, seed, sharpness=1)
    quotas = level_quotas("equal", size[0], [2] * size[1])
    balanced = balance_to(shares.responsibility, quotas)
    np.testing.assert_allclose(balanced.sum(axis=1), 1)
    np.testing.assert_allclose(balanced.sum(axis=0), quotas, atol=1e-4 * size[0])


@pytest.mark.parametrize("quota", ["free", "equal"])
@pytest.mark.parametrize("nested", [False, True])
def test_soft_masks_lie_between_the_floor_and_one(quota: str, nested: bool) -> None:
    shares, u = random_shares(40, 3, 0)
    quotas = None if quota == "free" else level_quotas(quota, 40, [2, 4, 8])
    masks = soft_masks(shares, assign(shares, u, quotas), quotas, floor=0.1, nested=nested)
    assert masks.shape == (3, 40)
    assert masks.min() >= 0.1
    assert masks.max() <= 1
    if nested:
        assert (np.diff(masks, axis=0) >= 0).all()
        np.testing.assert_allclose(masks[-1], 1)


def test_soft_masks_without_a_floor_are_never_empty() -> None:
    responsibility = np.zeros((20, 2))
    responsibility[:, 0] = 1
    shares = LevelShares(responsibility, responsibility > 0)
    masks = soft_masks(shares, assign(shares, np.zeros((20, 2)), None), None, floor=0.0, nested=False)
    assert masks.sum(axis=1).tolist() == [20, 8]


def test_overlap_is_the_mean_jaccard_index() -> None:
    masks: npt.NDArray[np.float64] = np.array([[1.0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 1]])
    assert overlap(masks) == pytest.approx((1 / 3 + 0 + 0) / 3)
    assert overlap(np.ones((2, 5))) == 1
    assert overlap(np.ones((1, 5))) == 0


@given(st.lists(st.floats(1e-3, 10), min_size=1, max_size=5), st.integers(5, 300))
def test_shares_give_dimensions_in_proportion(shares: list[float], num_dims: int) -> None:
    quotas = level_quotas(shares, num_dims, [2] * len(shares))
    assert quotas.sum() == num_dims
    assert quotas.min() >= 1
    exact = np.asarray(shares) / sum(shares) * num_dims
    if exact.min() >= 1:
        assert (np.abs(quotas - exact) < 1).all()


def test_a_quarter_of_the_dimensions_for_the_coarse_level() -> None:
    assert level_quotas((0.25, 0.75), 128, (10, 150)).tolist() == [32, 96]
    assert level_quotas((1, 3, 4), 128, (2, 4, 8)).tolist() == [16, 48, 64]
    assert level_quotas((1e-6, 1.0), 10, (2, 4)).tolist() == [1, 9]
