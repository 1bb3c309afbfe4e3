"""How wrong predictions are, measured in the tree.

Heights count steps from the leaves: the lowest common ancestor (LCA) of two leaves has height 0 if they are the same,
1 if they are siblings, H if only the root is above both.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from hmlc_ray.taxonomy import IntArray, Taxonomy


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
    return float(taxonomy.lca_heights[predicted[wrong], true[wrong]].mean()) if wrong.any() else math.nan


def hierarchical_distance(taxonomy: Taxonomy, ranked: IntArray, true: IntArray) -> float:
    """Mean LCA height between the true leaf and the k likeliest (Bertinetto et al. 2020, arXiv 1912.09393).

    Args:
        ranked: int64 [n, k], leaves.
        true: int64 [n].
    """
    return float(taxonomy.lca_heights[ranked, true[:, None]].mean())


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
    present = np.unique(leaf)
    means = np.stack([features[leaf == label].mean(axis=0, dtype=np.float64) for label in present])
    first, second = np.triu_indices(len(present), k=1)
    in_tree = taxonomy.lca_heights[present[first], present[second]]
    in_space = np.linalg.norm(means[first] - means[second], axis=1)
    if len(in_tree) < 2 or np.ptp(in_tree) == 0 or np.ptp(in_space) == 0:
        return math.nan
    return float(np.corrcoef(in_tree, in_space)[0, 1])
