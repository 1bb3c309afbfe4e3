"""Decodings of per-level probabilities into one class per level, of which there are four.

`probabilities` holds one array per level h, float64 [n, C_h], coarsest first. Every decoding gives int64 [n, H].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hmlc_ray.arrays import FloatArray, IntArray
from hmlc_ray.taxonomy import Taxonomy

Probabilities = Sequence[FloatArray]


def independent_argmax(taxonomy: Taxonomy, probabilities: Probabilities) -> IntArray:
    """The likeliest class of every level on its own, which need not be a path of the tree."""
    return np.stack([level.argmax(axis=1) for level in probabilities], axis=1)


def top_down(taxonomy: Taxonomy, probabilities: Probabilities) -> IntArray:
    """The likeliest coarsest class, then level by level the likeliest of its children."""
    path = [probabilities[0].argmax(axis=1)]
    for level, parents in zip(probabilities[1:], taxonomy.parents[1:], strict=True):
        is_child = parents[None, :] == path[-1][:, None]
        path.append(np.where(is_child, level, -1.0).argmax(axis=1))
    return np.stack(path, axis=1)


def leaf_up(taxonomy: Taxonomy, probabilities: Probabilities) -> IntArray:
    """The likeliest leaf and its ancestors."""
    return taxonomy.paths(probabilities[-1].argmax(axis=1))


def max_constraint(taxonomy: Taxonomy, probabilities: Probabilities) -> IntArray:
    """Every class is raised to the largest probability among itself and its descendants, then the likeliest class of
    every level is taken (the max constraint module of C-HMCNN, arXiv 2010.10151).

    With descendants alone it would be `leaf_up`. As each level has a distribution of its own, the result need not be
    a path of the tree.
    """
    raised = [np.array(level) for level in probabilities]
    for h in range(len(raised) - 1, 0, -1):
        np.maximum.at(raised[h - 1].T, taxonomy.parents[h], raised[h].T)
    return independent_argmax(taxonomy, raised)


DECODINGS: dict[str, Callable[[Taxonomy, Probabilities], IntArray]] = {
    "argmax": independent_argmax,
    "top_down": top_down,
    "leaf_up": leaf_up,
    "max_constraint": max_constraint,
}
