"""Calls of (sample, class) pairs in an order that respects the tree, and the area under their hit curve.

A hit curve plots the true pairs among the first t calls against t. An order respects the tree if no class is called
before its parent of the same sample. With the probability that each pair is true, the expected area is a weighted sum
of positions, which HierRank maximises under the tree constraint (CATCH: Ye et al., arXiv 2205.07833; first as HierLPR,
Ho et al., arXiv 1810.07954). As a scheduling problem, with unit times, it is 1 | outtree | sum w_j C_j, which merging
blocks of the highest mean solves (Horn 1972, SIAM Journal on Applied Mathematics 23(2)). Ours is that solution,
vectorised over samples.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from hmlc_ray.arrays import FloatArray, IntArray
from hmlc_ray.data.splits import stratified_subset
from hmlc_ray.evaluation.decoding import Probabilities
from hmlc_ray.evaluation.probe import Probe
from hmlc_ray.taxonomy import Taxonomy

MAX_PAIRS = 1 << 21
"""Pairs that are ranked at most."""
_Blocks = tuple[IntArray, FloatArray]
"""Classes of a subtree in the order in which they are called, and the mean score of each one's block: [n, classes]
each. Means do not increase along a row."""


def hit_curve_areas(
    taxonomy: Taxonomy, probes: Sequence[Probe], inputs: FloatArray, paths: IntArray, seed: int
) -> dict[str, float]:
    """Areas under the hit curve by the probes' probabilities: in an order that respects the tree, and in theirs.

    Of more samples than `MAX_PAIRS` allows a stratified subset is ranked.

    Args:
        probes: one per level.
        inputs: standardised features [n, F].
        paths: true classes, int64 [n, H].
    """
    rows = stratified_subset(paths[:, -1], max(1, MAX_PAIRS // sum(taxonomy.num_classes)), (seed,))
    # In a random order of samples, the order among equal scores is not that of a sorted data set.
    rows = np.random.default_rng(seed).permutation(rows)
    scores = [probe.probabilities(inputs[rows]) for probe in probes]
    true = true_pairs(taxonomy, paths[rows])
    by_tree = np.empty(true.size)
    by_tree[tree_order(taxonomy, scores)] = np.arange(1, true.size + 1)
    by_score = rankdata(-np.concatenate(scores, axis=1), axis=None)
    areas = {"tree/hit_curve_area": by_tree, "tree/hit_curve_area_by_score": by_score}
    return {name: hit_curve_area(true.ravel(), ranks) for name, ranks in areas.items()}


def true_pairs(taxonomy: Taxonomy, paths: IntArray) -> npt.NDArray[np.bool_]:
    """Whether each class is true of each sample, bool [n, classes]; classes of all levels, the coarsest level first."""
    levels = zip(paths.T, taxonomy.num_classes, strict=True)
    return np.concatenate([labels[:, None] == np.arange(count) for labels, count in levels], axis=1)


def hit_curve_area(true: npt.NDArray[np.bool_], ranks: FloatArray) -> float:
    """Area under the hit curve as a share of the largest possible one, at which all true pairs are called first.

    Args:
        true: bool [M], at least one of them.
        ranks: float [M], positions from 1 on; equal scores share their mean position.
    """
    hits, total = int(true.sum()), len(true)
    return float((total + 1 - ranks[true]).sum() / (hits * total - hits * (hits - 1) / 2))


def tree_order(taxonomy: Taxonomy, scores: Probabilities) -> IntArray:
    """The order of all pairs, from the first call on, with the largest expected area of those that respect the tree.

    Where scores decrease along every path, it is their descending order. Equal scores keep the order of samples.

    Args:
        scores: per level the probability that a sample is of a class, float64 [n, C_h].

    Returns:
        int64 [n * classes]: sample * classes + class, with classes of all levels numbered from the coarsest level on.
    """
    starts = np.cumsum([0, *taxonomy.num_classes])
    below: list[_Blocks] = []
    for h in reversed(range(taxonomy.num_levels)):
        children = [] if h == taxonomy.num_levels - 1 else _by_parent(taxonomy.parents[h + 1], below)
        columns = scores[h].T
        below = [
            _with_parent(np.full(len(own), starts[h] + c), own, children[c] if children else [])
            for c, own in enumerate(columns)
        ]
    classes, means = (np.concatenate(parts, axis=1) for parts in zip(*below, strict=True))
    pairs: IntArray = classes + np.arange(len(classes))[:, None] * starts[-1]
    # A stable sort keeps every block, whose members have the same mean, together and in its own order.
    return pairs.ravel()[np.argsort(-means.ravel(), kind="stable")]


def _by_parent(parents: IntArray, subtrees: list[_Blocks]) -> list[list[_Blocks]]:
    children: list[list[_Blocks]] = [[] for _ in range(int(parents.max()) + 1)]
    for parent, subtree in zip(parents.tolist(), subtrees, strict=True):
        children[parent].append(subtree)
    return children


def _with_parent(number: IntArray, score: FloatArray, children: list[_Blocks]) -> _Blocks:
    """The subtree of a class: its block takes in those below, best first, as long as that raises its mean."""
    if not children:
        return number[:, None], score[:, None]
    classes, means = (np.concatenate(parts, axis=1) for parts in zip(*children, strict=True))
    order = np.argsort(-means, axis=1, kind="stable")
    classes, means = np.take_along_axis(classes, order, axis=1), np.take_along_axis(means, order, axis=1)
    sizes = np.arange(2, means.shape[1] + 2)
    # Means rise up to the block's end and fall after it, so the largest one is the block's.
    block = np.maximum(score, ((score[:, None] + means.cumsum(axis=1)) / sizes).max(axis=1))[:, None]
    return np.concatenate([number[:, None], classes], axis=1), np.concatenate([block, np.minimum(means, block)], axis=1)
