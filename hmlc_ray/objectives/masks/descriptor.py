"""The information of each embedding dimension about each level: a nested analysis of variance from running class sums.

With N samples, N_c of them in class c, level-h class means m_c and the parent's mean m_p(c) (the grand mean at the
coarsest level), per dimension d:

    s2_h = 1/N sum_{c at level h} N_c (m_c - m_p(c))^2         between classes of level h, inside their parents
    s2_w = 1/N sum_i (z_i - m_leaf(i))^2                       within leaves
    u_h  = log(s2_h / s2_w), standardised over d               the descriptor

s2_w + sum_h s2_h is the total variance, so the levels share it out. The paper (arXiv 2510.00837) does not publish a
descriptor that we know of; this one is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hmlc_ray.arrays import FloatArray, IntArray
from hmlc_ray.taxonomy import Taxonomy

LARGEST_RATIO = 1e6
"""Variance ratios above it count as this one, so that a dimension without variance in its leaves stays finite."""


class ClassSums:
    """Count, sum and sum of squares of embeddings per leaf, kept in float64 whatever the number of batches.

    Args:
        num_leaves: C_leaf.
        dim: D.
        device: where the embeddings are.
    """

    def __init__(self, num_leaves: int, dim: int, device: torch.device | str = "cpu") -> None:
        self.count = torch.zeros(num_leaves, dtype=torch.float64, device=device)
        self.total = torch.zeros(num_leaves, dim, dtype=torch.float64, device=device)
        self.square = torch.zeros(dim, dtype=torch.float64, device=device)

    @torch.no_grad()
    def add(self, embeddings: Tensor, leaf: Tensor) -> None:
        """Count in a global batch: float [n, D] with leaves int64 [n]."""
        rows = embeddings.detach().double()
        self.count.index_add_(0, leaf, torch.ones_like(leaf, dtype=torch.float64))
        self.total.index_add_(0, leaf, rows)
        # A product with ones sums columns several times faster than `sum(dim=0)` in float64.
        self.square += rows.new_ones(len(rows)) @ rows.square()


@dataclass(frozen=True)
class NestedVariances:
    """The total variance of each dimension, shared out."""

    between: FloatArray
    """s2_h, [H, D]."""
    within: FloatArray
    """s2_w, [D]."""
    no_effect: FloatArray
    """What s2_h / s2_w is expected to be where a level makes no difference: its degrees of freedom over N, [H]."""


def nested_variances(sums: ClassSums, taxonomy: Taxonomy) -> NestedVariances:
    """The variances of the samples counted in; zeros if there are none."""
    count, total = sums.count.cpu().numpy(), sums.total.cpu().numpy()
    number = max(float(count.sum()), 1.0)
    between = np.stack([count @ np.square(effect) / number for effect in level_effects(sums, taxonomy)])
    leaf_mean = total / np.maximum(count, 1)[:, None]
    within = (sums.square.cpu().numpy() - count @ np.square(leaf_mean)) / number
    classes_seen = [1, *(len(np.unique(classes[count > 0])) for classes in taxonomy.leaf_paths.T)]
    freedom = np.maximum(np.diff(classes_seen), 1)
    return NestedVariances(between, np.maximum(within, 0), freedom / number)


def level_effects(sums: ClassSums, taxonomy: Taxonomy) -> Iterator[FloatArray]:
    """m_c - m_p(c) of each leaf's class, a level at a time, coarsest first: float64 [C_leaf, D]."""
    count, total = sums.count.cpu().numpy(), sums.total.cpu().numpy()
    parent_mean = np.broadcast_to(total.sum(axis=0) / max(float(count.sum()), 1.0), total.shape)
    for classes in taxonomy.leaf_paths.T:
        mean = _class_means(classes, count, total)
        yield mean - parent_mean
        parent_mean = mean


def descriptor(variances: NestedVariances) -> FloatArray:
    """u, float64 [D, H], each column of mean 0 and standard deviation 1 (or 0 where a level distinguishes nothing).

    A ratio below its expectation under no effect is noise, whose logarithm has a long lower tail; it counts as that
    expectation. The same holds for a dimension without any variance.
    """
    smallest = np.finfo(np.float64).tiny
    ratio = np.maximum(variances.between, smallest) / np.maximum(variances.within, smallest)
    dead = (variances.between <= smallest) & (variances.within <= smallest)
    low = variances.no_effect[:, None]
    u = np.log(np.clip(np.where(dead, 0, ratio), low, np.maximum(LARGEST_RATIO, low))).T
    u = u - u.mean(axis=0)
    spread = u.std(axis=0)
    standardised: FloatArray = u / np.where(spread > 1e-12, spread, 1.0)
    return standardised


def _class_means(classes: IntArray, count: FloatArray, total: FloatArray) -> FloatArray:
    """For every leaf the mean embedding of its class at one level, [C_leaf, D]; `classes` [C_leaf] are these."""
    number = np.bincount(classes, weights=count)
    grouped = np.zeros((len(number), total.shape[1]))
    np.add.at(grouped, classes, total)
    means: FloatArray = (grouped / np.maximum(number, 1)[:, None])[classes]
    return means
