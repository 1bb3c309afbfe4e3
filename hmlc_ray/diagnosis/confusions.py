"""The most frequent mistakes of a probe, and how far apart in the tree they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hmlc_ray.evaluation.confusions import Matrix, entries
from hmlc_ray.taxonomy import Taxonomy

MOST = 50
"""Mistakes that are listed."""
ROOT = "root"


@dataclass(frozen=True)
class TopConfusion:
    """One leaf taken for another."""

    true: str
    predicted: str
    count: int
    share: float
    """`count` by the number of samples of the true leaf."""
    lca_height: int
    """1 for siblings, H where only the root is above both."""
    lca_level: str
    """The finest level at which they are of one class, or `root`."""


def top_confusions(taxonomy: Taxonomy, matrix: Matrix, most: int = MOST) -> tuple[TopConfusion, ...]:
    """The largest counts off the diagonal of the leaf level's confusion matrix; of equals, the first classes first."""
    true, predicted, count = entries(matrix)
    totals = np.bincount(true, weights=count, minlength=taxonomy.num_leaves)
    wrong = np.flatnonzero(true != predicted)
    order = wrong[np.lexsort((predicted[wrong], true[wrong], -count[wrong]))][:most]
    heights = taxonomy.lca_height(true[order], predicted[order])
    names = taxonomy.class_names[-1]
    found = zip(*(array.tolist() for array in (true[order], predicted[order], count[order], heights)), strict=True)
    return tuple(
        TopConfusion(names[row], names[column], number, number / float(totals[row]), h, level_of(taxonomy, h))
        for row, column, number, h in found
    )


def level_of(taxonomy: Taxonomy, height: int) -> str:
    """The finest level at which two leaves with an ancestor of this height are of one class, or `root`."""
    return ROOT if height == taxonomy.num_levels else taxonomy.level_names[taxonomy.num_levels - 1 - height]
