"""Whether leaves that are close in the tree are close in feature space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hmlc_ray.arrays import FloatArray, IntArray
from hmlc_ray.evaluation.figures import Frozen
from hmlc_ray.evaluation.tree import leaf_means, leaf_pairs
from hmlc_ray.taxonomy import Taxonomy

MOST_LEAVES = 1_000
"""Leaves whose pairs are compared; of more, a random subset."""
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


@dataclass(frozen=True, eq=False)
class TreeDistances:
    """Pairs of leaves: what the CPCC correlates."""

    heights: IntArray
    """Height of their lowest common ancestor, int64 [pairs]."""
    distances: FloatArray
    """Euclidean distance of their mean features, float64 [pairs]."""

    def by_height(self) -> dict[int, FloatArray]:
        """The distances of each height that occurs, lowest first."""
        return {int(height): self.distances[self.heights == height] for height in np.unique(self.heights)}


def tree_distances(taxonomy: Taxonomy, frozen: Frozen, seed: int) -> TreeDistances | None:
    """All pairs of the leaves that occur; None where there is one leaf."""
    leaves, means = leaf_means(frozen.features, frozen.paths[:, -1])
    if len(leaves) < 2:
        return None
    if len(leaves) > MOST_LEAVES:
        kept = np.sort(np.random.default_rng(seed).choice(len(leaves), MOST_LEAVES, replace=False))
        leaves, means = leaves[kept], means[kept]
    heights, distances = np.concatenate(list(leaf_pairs(taxonomy, leaves, means)), axis=1)
    return TreeDistances(heights.astype(np.int64), distances)
