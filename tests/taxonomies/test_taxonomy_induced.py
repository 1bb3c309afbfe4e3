from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score, silhouette_score

from hmlc_ray.errors import TaxonomyError
from hmlc_ray.taxonomies.induced import agglomerative, class_means, divisive, from_confusion, shuffled
from hmlc_ray.taxonomy import Taxonomy

NAMES = tuple("abcdefghijkl")
GROUPS = np.repeat([0, 1, 2, 3], 3)
CENTRES = np.array([[-20.0, -3], [-20, 3], [20, -3], [20, 3]])
MEANS = CENTRES[GROUPS] + 0.3 * np.random.default_rng(0).normal(size=(12, 2))


@pytest.mark.parametrize("build", [agglomerative, divisive])
def test_planted_groups_are_found_at_both_levels(build: Callable[..., Taxonomy]) -> None:
    tree = build(MEANS, [2, 4], NAMES)
    assert tree.level_names == ("induced0", "induced1", "leaf")
    assert tree.leaf_paths[:, 0].tolist() == [0] * 6 + [1] * 6
    assert tree.leaf_paths[:, 1].tolist() == GROUPS.tolist()
    assert tree.class_names[2] == NAMES
    assert build(MEANS, [2, 4], NAMES).to_dict() == tree.to_dict()


def test_confused_classes_are_joined() -> None:
    confusion = np.eye(12) * 50 + 10 * (GROUPS[:, None] == GROUPS)
    assert from_confusion(confusion, [4], NAMES).leaf_paths[:, 0].tolist() == GROUPS.tolist()
    with pytest.raises(TaxonomyError, match="square"):
        from_confusion(confusion[:, :3], [4], NAMES)


@pytest.mark.parametrize("build", [agglomerative, divisive])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 99), cuts=st.sets(st.integers(2, 11), min_size=1, max_size=4), repeated=st.booleans())
def test_numbers_of_classes_hold_exactly(
    build: Callable[..., Taxonomy], seed: int, cuts: set[int], repeated: bool
) -> None:
    means = np.zeros((12, 3)) if repeated else np.random.default_rng(seed).normal(size=(12, 3))
    assert build(means, sorted(cuts), NAMES).num_classes == (*sorted(cuts), 12)


def test_digits_that_look_alike_are_close() -> None:
    images, digit = load_digits(return_X_y=True)
    means = class_means(images, digit, 10)
    np.testing.assert_allclose(means[3], images[digit == 3].mean(axis=0))
    tree = agglomerative(means, [3], [str(d) for d in range(10)])
    assert tree.leaf_paths[3, 0] == tree.leaf_paths[9, 0]
    assert tree.leaf_paths[0, 0] != tree.leaf_paths[1, 0]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 99))
def test_a_shuffled_tree_has_the_same_shape_and_leaves(seed: int) -> None:
    tree = agglomerative(MEANS, [2, 4, 7], NAMES)
    control = shuffled(tree, seed)
    assert control.num_classes == tree.num_classes
    assert control.class_names[-1] == NAMES
    assert control.class_names[0] == ("induced0-0", "induced0-1")
    assert [level.tolist() for level in control.parents[1:-1]] == [level.tolist() for level in tree.parents[1:-1]]
    for h in range(3):
        np.testing.assert_array_equal(np.bincount(control.leaf_paths[:, h]), np.bincount(tree.leaf_paths[:, h]))
    assert control.to_dict() == shuffled(tree, seed).to_dict()


def test_a_shuffled_tree_agrees_with_the_tree_no_more_than_chance() -> None:
    tree = agglomerative(MEANS, [4], NAMES)
    agreement = [adjusted_rand_score(GROUPS, shuffled(tree, seed).leaf_paths[:, 0]) for seed in range(50)]
    assert abs(np.mean(agreement)) < 0.1


@pytest.mark.parametrize("build", [agglomerative, divisive, from_confusion])
@pytest.mark.parametrize("cuts", [[], [1, 4], [4, 2], [3, 3], [2, 12]])
def test_impossible_numbers_are_refused(build: Callable[..., Taxonomy], cuts: list[int]) -> None:
    with pytest.raises(TaxonomyError, match="must increase from at least 2 to below 12"):
        build(np.eye(12), cuts, NAMES)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(TaxonomyError, match="12 classes to cluster, but 3 names"):
        agglomerative(MEANS, [2], NAMES[:3])
    with pytest.raises(TaxonomyError, match="must be finite"):
        divisive(np.where(MEANS > 19, np.nan, MEANS), [2], NAMES)
    with pytest.raises(TaxonomyError, match="leaf 1 has no sample"):
        class_means(np.ones((2, 3)), np.array([0, 2]), 3)


@pytest.mark.parametrize("build", [agglomerative, divisive])
def test_planted_numbers_of_classes_are_chosen(build: Callable[..., Taxonomy]) -> None:
    assert build(MEANS, 3, NAMES).num_classes == (2, 4, 12)
    assert build(MEANS, 2, NAMES).num_classes in ((2, 12), (4, 12))


@pytest.mark.parametrize(("leaves", "levels"), [(3, 2), (12, 2), (12, 3), (12, 4)])
def test_the_numbers_chosen_have_the_largest_sum_of_silhouettes(leaves: int, levels: int) -> None:
    means = np.random.default_rng(leaves).normal(size=(leaves, 4))
    distance = squareform(pdist(means))
    scores = {
        count: silhouette_score(
            distance, agglomerative(means, [count], NAMES[:leaves]).leaf_paths[:, 0], metric="precomputed"
        )
        for count in range(2, leaves)
    }
    allowed = [
        counts
        for counts in combinations(scores, levels - 1)
        if all(finer >= 2 * coarse for coarse, finer in pairwise(counts))
    ]
    best = max(allowed, key=lambda counts: sum(scores[count] for count in counts))
    assert agglomerative(means, levels, NAMES[:leaves]).num_classes == (*best, leaves)


def test_too_few_leaves_for_so_many_levels_are_refused() -> None:
    with pytest.raises(TaxonomyError, match="12 leaves are too few to choose 5 levels for"):
        agglomerative(MEANS, 5, NAMES)
    with pytest.raises(TaxonomyError, match="2 leaves are too few to choose 2 levels for"):
        divisive(MEANS[:2], 2, NAMES[:2])


def test_a_tree_of_leaves_alone_cannot_be_shuffled() -> None:
    with pytest.raises(TaxonomyError, match="leaf level 'class' alone has no classes above its leaves"):
        shuffled(Taxonomy.from_paths(("class",), [("a",), ("b",)]))
