from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmlc_ray.evaluation.tree import (
    cpcc,
    full_path_accuracy,
    hierarchical_distance,
    hierarchical_scores,
    inconsistency,
    mistake_severity,
)
from hmlc_ray.taxonomy import Taxonomy


def _height(tree: Taxonomy, first: int, second: int) -> int:
    """Walk up from both leaves until they meet."""
    for height in range(tree.num_levels):
        level = tree.num_levels - 1 - height
        if tree.leaf_paths[first, level] == tree.leaf_paths[second, level]:
            return height
    return tree.num_levels


def _ancestor_set(tree: Taxonomy, row: np.ndarray) -> set[tuple[int, int]]:
    members = set()
    for level, label in enumerate(row.tolist()):
        while level >= 0:
            members.add((level, int(label)))
            label, level = tree.parents[level][label], level - 1
    return members


def _random_rows(tree: Taxonomy, rng: np.random.Generator, rows: int) -> np.ndarray:
    return np.stack([rng.integers(count, size=rows) for count in tree.num_classes], axis=1)


def test_heights_agree_with_a_walk_up_the_tree(tree: Taxonomy) -> None:
    leaves = np.arange(tree.num_leaves)
    assert tree.lca_height(leaves[:, None], leaves).tolist() == [[_height(tree, a, b) for b in leaves] for a in leaves]


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_path_metrics_agree_with_loops(tree: Taxonomy, seed: int) -> None:
    rng = np.random.default_rng(seed)
    predicted, true = _random_rows(tree, rng, 15), tree.paths(rng.integers(tree.num_leaves, size=15))
    known = {tuple(path) for path in tree.leaf_paths.tolist()}
    assert inconsistency(tree, predicted) == np.mean([tuple(row) not in known for row in predicted.tolist()])
    predicted[0] = true[0]
    assert full_path_accuracy(predicted, true) == np.mean(
        [list(a) == list(b) for a, b in zip(predicted, true, strict=True)]
    )
    wrong = [(a, b) for a, b in zip(predicted[:, -1], true[:, -1], strict=True) if a != b]
    assert mistake_severity(tree, predicted[:, -1], true[:, -1]) == pytest.approx(
        np.mean([_height(tree, a, b) for a, b in wrong]), nan_ok=True
    )


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_hierarchical_scores_agree_with_sets(tree: Taxonomy, seed: int) -> None:
    rng = np.random.default_rng(seed)
    predicted, true = _random_rows(tree, rng, 9), tree.paths(rng.integers(tree.num_leaves, size=9))
    pairs = [(_ancestor_set(tree, p), _ancestor_set(tree, t)) for p, t in zip(predicted, true, strict=True)]
    common = sum(len(p & t) for p, t in pairs)
    precision = common / sum(len(p) for p, _ in pairs)
    recall = common / sum(len(t) for _, t in pairs)
    f1 = 2 * precision * recall / (precision + recall) if common else 0.0
    assert hierarchical_scores(tree, predicted, true) == pytest.approx((precision, recall, f1))


def test_scores_of_nothing_right_are_zero(tree: Taxonomy) -> None:
    assert hierarchical_scores(tree, tree.paths([0, 1]), tree.paths([3, 5])) == (0, 0, 0)


def test_severity_is_undefined_without_a_mistake(tree: Taxonomy) -> None:
    assert math.isnan(mistake_severity(tree, np.array([1, 2]), np.array([1, 2])))


def test_distance_at_k_is_the_mean_height_of_the_first_k(tree: Taxonomy) -> None:
    ranked = np.array([[0, 1, 3], [4, 5, 3]])
    assert hierarchical_distance(tree, ranked, np.array([0, 3])) == pytest.approx((0 + 1 + 3 + 1 + 3 + 0) / 6)


def test_cpcc_is_one_where_space_mirrors_the_tree() -> None:
    tree = Taxonomy.from_paths(("coarse", "fine"), [("a", "a0"), ("a", "a1"), ("b", "b0"), ("b", "b1")])
    # Siblings are sqrt(2) apart, cousins 2: both distances take two values, so the correlation is exactly 1.
    means = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]) + np.array([[1], [1], [-1], [-1]]) * 0.5
    features = np.concatenate([means + 0.1, means - 0.1]).astype(np.float32)
    assert cpcc(tree, features, np.tile(np.arange(4), 2)) == pytest.approx(1)
    assert cpcc(tree, -features[[0, 2, 1, 3, 4, 6, 5, 7]], np.tile(np.arange(4), 2)) < 0


def test_cpcc_agrees_with_a_loop_over_pairs(tree: Taxonomy) -> None:
    rng = np.random.default_rng(3)
    leaf = np.array([0, 0, 1, 2, 2, 3, 5, 5])
    features = rng.normal(size=(8, 4)).astype(np.float32)
    pairs = [(a, b) for a in (0, 1, 2, 3, 5) for b in (0, 1, 2, 3, 5) if a < b]
    means = {label: features[leaf == label].mean(axis=0) for label in (0, 1, 2, 3, 5)}
    heights = [_height(tree, a, b) for a, b in pairs]
    distances = [float(np.sqrt(((means[a] - means[b]) ** 2).sum())) for a, b in pairs]
    assert cpcc(tree, features, leaf) == pytest.approx(np.corrcoef(heights, distances)[0, 1])


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 0, 1], [0, 3, 5]], ids=["one class", "one pair", "equal heights"])
def test_cpcc_is_undefined_where_distances_do_not_vary(tree: Taxonomy, labels: list[int]) -> None:
    features = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    assert math.isnan(cpcc(tree, features, np.array(labels)))
