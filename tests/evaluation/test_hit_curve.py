from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from hmlc_ray.evaluation import hit_curve
from hmlc_ray.evaluation.hit_curve import hit_curve_area, hit_curve_areas, tree_order
from hmlc_ray.evaluation.probe import fit_probes
from hmlc_ray.taxonomy import Taxonomy

TINY = Taxonomy.from_paths(("a", "b", "c"), [("x", "x0", "x00"), ("x", "x0", "x01"), ("y", "y0", "y00")])
FLAT = Taxonomy.from_paths(("a", "b"), [("x", "x0"), ("x", "x1"), ("y", "y0")])
DEEP = Taxonomy.from_paths(
    ("a", "b", "c", "d"),
    [(f"{i // 8}", f"{i // 4}", f"{i // 2}", f"{i}") for i in range(13)],
)
LISTED = Taxonomy.from_paths(("leaf",), [("x",), ("y",)])


def parents_of(tree: Taxonomy, samples: int) -> list[int | None]:
    """The parent of every pair, as `tree_order` numbers them."""
    starts = np.cumsum([0, *tree.num_classes])
    own = [
        None if h == 0 else int(starts[h - 1] + parent)
        for h in range(tree.num_levels)
        for parent in tree.parents[h].tolist()
    ]
    return [None if p is None else sample * len(own) + p for sample in range(samples) for p in own]


@st.composite
def scored(draw: st.DrawFn, trees: tuple[Taxonomy, ...], samples: int) -> tuple[Taxonomy, list[np.ndarray]]:
    """One of the trees and scores of some samples, among which many are equal."""
    tree = draw(st.sampled_from(trees))
    number = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]) | st.floats(0, 1)
    count = draw(st.integers(1, samples))
    levels = [draw(st.lists(number, min_size=count * c, max_size=count * c)) for c in tree.num_classes]
    return tree, [np.array(level).reshape(count, -1) for level in levels]


def admissible(parents: list[int | None]) -> Iterator[list[int]]:
    """Every order in which a parent comes before its children."""

    def extend(done: list[int]) -> Iterator[list[int]]:
        if len(done) == len(parents):
            yield list(done)
        for pair, parent in enumerate(parents):
            if pair not in done and (parent is None or parent in done):
                yield from extend([*done, pair])

    return extend([])


def expected_area(scores: np.ndarray, order: list[int]) -> float:
    return float(scores[order] @ np.arange(len(order), 0, -1))


@dataclass
class Block:
    members: list[int]
    mean: float


def merged_blocks(scores: np.ndarray, parents: list[int | None]) -> list[int]:
    """Horn's algorithm, a block at a time over the whole forest: the best block joins the one that its first member's
    parent is in; one that has no parent left is called next."""
    blocks = {pair: Block([pair], float(score)) for pair, score in enumerate(scores)}
    owner = dict(enumerate(range(len(scores))))
    order: list[int] = []
    while blocks:
        first = max(blocks, key=lambda root: (blocks[root].mean, -root))
        best, parent = blocks.pop(first), parents[first]
        if parent is None or parent in order:
            order += best.members
            continue
        above = blocks[owner[parent]]
        above.members += best.members
        above.mean = float(np.mean(scores[above.members]))
        owner.update(dict.fromkeys(best.members, owner[parent]))
    return order


@given(scored((TINY, FLAT, LISTED), samples=1))
@settings(max_examples=60, deadline=None)
def test_no_admissible_order_has_a_larger_expected_area(case: tuple[Taxonomy, list[np.ndarray]]) -> None:
    tree, scores = case
    flat, parents = np.concatenate(scores, axis=1).ravel(), parents_of(tree, 1)
    order = tree_order(tree, scores).tolist()
    assert order in list(admissible(parents))
    best = max(expected_area(flat, other) for other in admissible(parents))
    assert expected_area(flat, order) == pytest.approx(best, abs=1e-9)


@given(scored((TINY, FLAT, LISTED, DEEP), samples=4))
@settings(max_examples=100, deadline=None)
def test_several_samples_agree_with_blocks_merged_one_at_a_time(case: tuple[Taxonomy, list[np.ndarray]]) -> None:
    tree, scores = case
    flat, parents = np.concatenate(scores, axis=1).ravel(), parents_of(tree, len(scores[0]))
    order = tree_order(tree, scores).tolist()
    position = {pair: rank for rank, pair in enumerate(order)}
    assert sorted(order) == list(range(flat.size))
    assert all(parent is None or position[parent] < position[pair] for pair, parent in enumerate(parents))
    assert expected_area(flat, order) == pytest.approx(expected_area(flat, merged_blocks(flat, parents)), abs=1e-9)


def test_blocks_of_two_samples_are_ranked_against_each_other() -> None:
    """Two samples, six pairs: all orders, of which 1 in 9 is admissible."""
    pair = Taxonomy.from_paths(("a", "b"), [("x", "x0"), ("x", "x1")])
    scores = [np.array([[0.2], [0.4]]), np.array([[0.9, 0.1], [0.3, 0.6]])]
    flat, parents = np.concatenate(scores, axis=1).ravel(), parents_of(pair, 2)
    orders = list(admissible(parents))
    assert len(orders) == 720 // 9
    best = max(orders, key=lambda order: expected_area(flat, order))
    assert tree_order(pair, scores).tolist() == best == [0, 1, 3, 5, 4, 2]


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_scores_that_respect_the_tree_are_sorted(tree: Taxonomy, seed: int) -> None:
    scores = [np.random.default_rng(seed).uniform(0.1, 1, (7, count)) for count in tree.num_classes]
    for h in range(1, tree.num_levels):
        scores[h] *= scores[h - 1][:, tree.parents[h]]
    flat = np.concatenate(scores, axis=1).ravel()
    assert tree_order(tree, scores).tolist() == np.argsort(-flat).tolist()


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_the_area_counts_hits_call_by_call(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true = rng.random(40) < 0.3
    true[0] = True
    order = rng.permutation(40)
    ranks = np.empty(40)
    ranks[order] = np.arange(1, 41)
    curve, ideal = np.cumsum(true[order]), np.cumsum(np.sort(true)[::-1])
    area = hit_curve_area(true, ranks)
    assert area == pytest.approx(curve.sum() / ideal.sum())
    if not true.all():
        worst = np.cumsum(np.sort(true)).sum() / ideal.sum()
        assert roc_auc_score(true, -ranks) == pytest.approx((area - worst) / (1 - worst))


def _areas(tree: Taxonomy, leaf: np.ndarray, noise: float) -> dict[str, float]:
    rng, paths = np.random.default_rng(0), tree.paths(leaf)
    features = np.eye(tree.num_leaves)[leaf] * 4 + noise * rng.normal(size=(len(leaf), tree.num_leaves))
    probes = [next(fit_probes(features, paths[:, h], c, (1.0,), 200)) for h, c in enumerate(tree.num_classes)]
    return hit_curve_areas(tree, probes, features, paths, seed=0)


def test_probes_that_are_right_call_all_true_pairs_first(tree: Taxonomy, monkeypatch: pytest.MonkeyPatch) -> None:
    leaf = np.repeat(np.arange(tree.num_leaves), 20)
    assert _areas(tree, leaf, 0.1) == {"tree/hit_curve_area": 1, "tree/hit_curve_area_by_score": 1}
    noisy = _areas(tree, leaf, 3)
    assert all(0.5 < area < 1 for area in noisy.values())
    assert noisy == _areas(tree, leaf, 3)
    monkeypatch.setattr(hit_curve, "MAX_PAIRS", 40 * sum(tree.num_classes))
    assert noisy != _areas(tree, leaf, 3)
