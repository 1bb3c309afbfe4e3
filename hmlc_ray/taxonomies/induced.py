"""Taxonomies induced from class means or a confusion matrix, and the control: the same shape with shuffled leaves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import KMeans

from hmlc_ray.errors import TaxonomyError
from hmlc_ray.taxonomy import IntArray, Taxonomy

FloatArray = npt.NDArray[np.float64]
Linkage = Literal["ward", "average", "complete"]


def class_means(features: npt.NDArray[np.floating], leaf: IntArray, num_leaves: int) -> FloatArray:
    """Mean feature of each leaf, float64 [C, F], of features [n, F] with leaves [n].

    Raises:
        TaxonomyError: if a leaf has no sample.
    """
    counts = np.bincount(leaf, minlength=num_leaves)
    if (counts == 0).any():
        raise TaxonomyError(f"leaf {int(counts.argmin())} has no sample, so no place in an induced tree")
    sums = np.zeros((num_leaves, features.shape[1]))
    np.add.at(sums, leaf, features)
    means: FloatArray = sums / counts[:, None]
    return means


def agglomerative(
    means: FloatArray, num_classes: Sequence[int], leaf_names: Sequence[str], *, method: Linkage = "ward"
) -> Taxonomy:
    """Join the closest classes, bottom up, and cut the dendrogram where it has the wanted numbers of classes.

    Args:
        means: [C, F], one row per leaf.
        num_classes: of the coarser levels, coarsest first, strictly increasing and below C.
        leaf_names: C names.
        method: of `scipy.cluster.hierarchy.linkage`, on Euclidean distances.

    Raises:
        TaxonomyError: if the numbers of classes do not increase, or sizes disagree, or a mean is not finite.
    """
    _check(means, num_classes, leaf_names)
    return _cut(linkage(pdist(means), method), num_classes, leaf_names)


def from_confusion(
    confusion: npt.NDArray[np.number], num_classes: Sequence[int], leaf_names: Sequence[str]
) -> Taxonomy:
    """Join the classes that are most often taken for each other (average linkage).

    Args:
        confusion: [C, C], row c: how often class c was predicted as each class; rows are normalised, and the distance
            of two classes is 1 less the mean of their two confusion rates.
        num_classes: as in `agglomerative`.
        leaf_names: C names.

    Raises:
        TaxonomyError: as `agglomerative`, or if the matrix is not square.
    """
    rates = np.asarray(confusion, dtype=np.float64)
    if rates.ndim != 2 or rates.shape[0] != rates.shape[1]:
        raise TaxonomyError(f"a confusion matrix must be square, got shape {list(rates.shape)}")
    _check(rates, num_classes, leaf_names)
    rates = rates / np.maximum(rates.sum(axis=1, keepdims=True), 1)
    distance = 1 - (rates + rates.T) / 2
    np.fill_diagonal(distance, 0)
    return _cut(linkage(squareform(distance), "average"), num_classes, leaf_names)


def divisive(means: FloatArray, num_classes: Sequence[int], leaf_names: Sequence[str], *, seed: int = 0) -> Taxonomy:
    """Split, top down: the group with the largest sum of squares is halved by 2-means until there are enough.

    Args, Raises: as `agglomerative`; `seed` is of the 2-means.
    """
    _check(means, num_classes, leaf_names)
    labels = np.zeros(len(means), dtype=np.int64)
    columns = {}
    for count in range(1, num_classes[-1] + 1):
        if count > 1:
            labels = _split_largest(means, labels, seed)
        columns[count] = labels
    return _from_columns([columns[count] for count in num_classes], leaf_names)


def shuffled(taxonomy: Taxonomy, seed: int = 0) -> Taxonomy:
    """The same shape with leaves at random places: what a tree's shape alone is worth.

    Leaves keep numbers and names; coarser classes lose their names, which would mislead.
    """
    order = np.random.default_rng(seed).permutation(taxonomy.num_leaves)
    columns = [*taxonomy.leaf_paths[order, :-1].T, np.arange(taxonomy.num_leaves)]
    names = [
        tuple(f"{level}-{c}" for c in range(count))
        for level, count in zip(taxonomy.level_names, taxonomy.num_classes, strict=True)
    ]
    return Taxonomy(taxonomy.level_names, (*names[:-1], taxonomy.class_names[-1]), np.stack(columns, axis=1))


def _check(rows: FloatArray, num_classes: Sequence[int], leaf_names: Sequence[str]) -> None:
    counts = [1, *num_classes, len(leaf_names)]
    if len(rows) != len(leaf_names):
        raise TaxonomyError(f"there are {len(rows)} classes to cluster, but {len(leaf_names)} names")
    if len(counts) < 3 or any(finer <= coarse for coarse, finer in pairwise(counts)):
        raise TaxonomyError(
            f"the numbers of classes must increase from at least 2 to below {len(leaf_names)}, the number of leaves, "
            f"got {list(num_classes)}"
        )
    if not np.isfinite(rows).all():
        raise TaxonomyError("class means (or confusions) must be finite")


def _cut(tree: FloatArray, num_classes: Sequence[int], leaf_names: Sequence[str]) -> Taxonomy:
    return _from_columns(list(cut_tree(tree, n_clusters=list(num_classes)).T), leaf_names)


def _split_largest(means: FloatArray, labels: IntArray, seed: int) -> IntArray:
    groups = [np.flatnonzero(labels == label) for label in range(labels.max() + 1)]
    squares = [np.square(means[group] - means[group].mean(axis=0)).sum() for group in groups]
    # Identical means have no sum of squares; then the largest group is split, at its middle.
    largest = groups[max(range(len(groups)), key=lambda g: (squares[g], len(groups[g])))]
    if np.unique(means[largest], axis=0).shape[0] > 1:
        half = KMeans(2, n_init=10, random_state=seed).fit_predict(means[largest]).astype(bool)
    else:
        half = np.arange(len(largest)) >= len(largest) // 2
    result = labels.copy()
    result[largest[half]] = labels.max() + 1
    return result


def _from_columns(columns: Sequence[IntArray], leaf_names: Sequence[str]) -> Taxonomy:
    """A taxonomy from the classes of each leaf at each coarser level, numbered anew in the order of the leaves."""
    numbered = [_by_first_leaf(column) for column in columns]
    names = [tuple(f"induced{h}-{c}" for c in range(column.max() + 1)) for h, column in enumerate(numbered)]
    paths = np.stack([*numbered, np.arange(len(leaf_names))], axis=1)
    levels = (*(f"induced{h}" for h in range(len(columns))), "leaf")
    return Taxonomy(levels, (*names, tuple(leaf_names)), paths)


def _by_first_leaf(column: IntArray) -> IntArray:
    _, first, inverse = np.unique(column, return_index=True, return_inverse=True)
    rank: IntArray = np.argsort(np.argsort(first))
    return rank[inverse]
