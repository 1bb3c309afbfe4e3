"""How wrong predictions are, measured in the tree.

Heights count steps from the leaves: the lowest common ancestor (LCA) of two leaves has height 0 if they are the same,
1 if they are siblings, H if only the root is above both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist

from hmlc_ray.arrays import FloatArray, IntArray
from hmlc_ray.taxonomy import Taxonomy

PAIRS_AT_ONCE = 1 << 21
"""Pairs of leaves that are compared at once."""


def full_path_accuracy(predicted: IntArray, true: IntArray) -> float:
    """Share of paths [n, H] that are right at every level."""
    return float((predicted == true).all(axis=1).mean())


def inconsistency(taxonomy: Taxonomy, predicted: IntArray) -> float:
    """Share of predicted paths [n, H] that are not in the tree."""
    return float((~taxonomy.contains(predicted)).mean())


def mistake_severity(taxonomy: Taxonomy, predicted: IntArray, true: IntArray) -> float:
    """Mean LCA height over the wrong ones of predicted leaves [n] (Bertinetto et al. 2020, arXiv 1912.09393).

    NaN where none is wrong.
    """
    wrong = predicted != true
    return float(taxonomy.lca_height(predicted[wrong], true[wrong]).mean()) if wrong.any() else math.nan


def hierarchical_distance(taxonomy: Taxonomy, ranked: IntArray, true: IntArray) -> float:
    """Mean LCA height between the true leaf and the k likeliest (Bertinetto et al. 2020, arXiv 1912.09393).

    Args:
        ranked: int64 [n, k], leaves.
        true: int64 [n].
    """
    return float(taxonomy.lca_height(ranked, true[:, None]).mean())


def hierarchical_scores(taxonomy: Taxonomy, predicted: IntArray, true: IntArray) -> tuple[float, float, float]:
    """Hierarchical precision, recall and F (Kiritchenko et al. 2005): overlaps of ancestor sets, summed over samples.

    A predicted set holds the class predicted at every level and all their ancestors but the root: H classes where
    the prediction is a path of the tree, else more.

    Args:
        predicted: int64 [n, H].
        true: int64 [n, H].
    """
    common = size = 0
    for h in range(taxonomy.num_levels):
        finer = range(h, taxonomy.num_levels)
        members = np.sort([_ancestors(taxonomy, level, h)[predicted[:, level]] for level in finer], axis=0)
        size += members.shape[1] + int((np.diff(members, axis=0) != 0).sum())
        common += int((members == true[:, h]).any(axis=0).sum())
    precision, recall = common / size, common / true.size
    return precision, recall, 2 * precision * recall / (precision + recall) if common else 0.0


def _ancestors(taxonomy: Taxonomy, level: int, coarser: int) -> IntArray:
    """int64 [C_level]: every class's ancestor at a coarser (or the same) level."""
    result = np.arange(taxonomy.num_classes[level])
    for h in range(level, coarser, -1):
        result = taxonomy.parents[h][result]
    return result


def cpcc(taxonomy: Taxonomy, features: npt.NDArray[np.float32], leaf: IntArray) -> float:
    """Cophenetic correlation: over pairs of leaves, the Pearson correlation of their distance in the tree with the
    Euclidean distance of their mean features (Zeng et al., ICLR 2023).

    NaN where all pairs are equally far apart in either sense.

    Args:
        features: float32 [n, F].
        leaf: int64 [n].
    """
    present, means = leaf_means(features, leaf)
    sums, low, high = np.zeros(6), np.full(2, np.inf), np.full(2, -np.inf)
    shift: FloatArray | None = None
    for pairs in leaf_pairs(taxonomy, present, means):
        # Near their mean, sums of squares lose no digits.
        shift = pairs.mean(axis=1) if shift is None else shift
        x, y = pairs - shift[:, None]
        sums += [len(x), x.sum(), y.sum(), x @ x, y @ y, x @ y]
        low, high = np.minimum(low, pairs.min(axis=1)), np.maximum(high, pairs.max(axis=1))
    number, sum_x, sum_y, xx, yy, xy = sums
    if number < 2 or (low == high).any():
        return math.nan
    covariance = xy - sum_x * sum_y / number
    return float(covariance / math.sqrt((xx - sum_x**2 / number) * (yy - sum_y**2 / number)))


def leaf_means(features: npt.NDArray[np.float32], leaf: IntArray) -> tuple[IntArray, FloatArray]:
    """The leaves that occur, int64 [K], and their mean features, float64 [K, F]."""
    order = np.argsort(leaf, kind="stable")
    present, starts, counts = np.unique(leaf[order], return_index=True, return_counts=True)
    sums = np.add.reduceat(features[order].astype(np.float64), starts, axis=0)
    return present, sums / counts[:, None]


def leaf_pairs(taxonomy: Taxonomy, leaves: IntArray, means: FloatArray) -> Iterator[FloatArray]:
    """Height in the tree and distance of the means of all pairs of leaves, float64 [2, pairs], a block at a time."""
    size = max(1, PAIRS_AT_ONCE // len(leaves))
    for start in range(0, len(leaves) - 1, size):
        rows, columns = leaves[start : start + size], leaves[start:]
        later = np.arange(len(columns)) > np.arange(len(rows))[:, None]
        heights = taxonomy.lca_height(rows[:, None], columns)[later]
        yield np.stack([heights, cdist(means[start : start + size], means[start:])[later]])
