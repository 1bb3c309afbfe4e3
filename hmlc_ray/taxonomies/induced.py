"""Taxonomies induced from class means or a confusion matrix, and the control: the same shape with shuffled leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from hmlc_ray.arrays import FloatArray, IntArray
from hmlc_ray.errors import TaxonomyError
from hmlc_ray.names.counts import are, many
from hmlc_ray.taxonomy import Taxonomy

Linkage = Literal["ward", "average", "complete"]
Sizes = Sequence[int] | int
"""Numbers of classes of the levels above the leaves, or the number of levels."""


def class_means(features: npt.NDArray[np.floating], leaf: IntArray, num_leaves: int) -> FloatArray:
    """Mean feature of each leaf, float64 [C, F], of features [n, F] with leaves [n].

    Raises:
        TaxonomyError: if a leaf has no sample.
    """
    counts = np.bincount(leaf, minlength=num_leaves)
    if (counts == 0).any():
        raise TaxonomyError(f"leaf {int(counts.argmin())} has no sample, so it has no mean and no tree can be induced")
    sums = np.zeros((num_leaves, features.shape[1]))
    np.add.at(sums, leaf, features)
    means: FloatArray = sums / counts[:, None]
    return means


@dataclass(frozen=True)
class Nested:
    """Partitions of C leaves into 2 to C-1 classes, each a refinement of the ones with fewer classes."""

    distance: FloatArray
    """[C, C], of the leaves."""
    partition: Callable[[int], IntArray]
    """The class of each leaf, int64 [C], by the number of classes."""


def agglomerative(
    means: FloatArray, num_classes: Sizes, leaf_names: Sequence[str], *, method: Linkage = "ward"
) -> Taxonomy:
    """Join the closest classes, bottom up, and cut the dendrogram where it has the wanted numbers of classes.

    Args:
        means: [C, F], one row per leaf.
        num_classes: of the coarser levels, coarsest first, strictly increasing and below C; or the number of levels H,
            leaf level included, for numbers chosen by `silhouette_sizes`.
        leaf_names: C names.
        method: of `scipy.cluster.hierarchy.linkage`, on Euclidean distances.

    Raises:
        TaxonomyError: if the numbers of classes do not increase, there are too few leaves, sizes disagree, or a mean is
            not finite.
    """
    _check(means, num_classes, leaf_names)
    distance = pdist(means)
    return _tree(_dendrogram(distance, method), num_classes, leaf_names)


def from_confusion(
    confusion: npt.NDArray[np.number], num_classes: Sizes, leaf_names: Sequence[str], *, method: Linkage = "average"
) -> Taxonomy:
    """Join the classes that are most often taken for each other.

    Args:
        confusion: see `confusion_distance`.
        num_classes: as in `agglomerative`.
        leaf_names: C names.
        method: as in `agglomerative`; not `ward`, which is for Euclidean distances.

    Raises:
        TaxonomyError: as `agglomerative`, or if the matrix is not square.
    """
    distance = confusion_distance(confusion)
    _check(distance, num_classes, leaf_names)
    return _tree(_dendrogram(squareform(distance), method), num_classes, leaf_names)


def confusion_distance(confusion: npt.NDArray[np.number]) -> FloatArray:
    """Distances of classes, [C, C]: 1 less the mean of the rates at which two are taken for each other, 0 to itself.

    Args:
        confusion: [C, C], row c: how often class c was predicted as each class; rows are normalised.

    Raises:
        TaxonomyError: if the matrix is not square, or holds numbers that are negative or not finite.
    """
    rates = np.asarray(confusion, dtype=np.float64)
    if rates.ndim != 2 or rates.shape[0] != rates.shape[1]:
        raise TaxonomyError(f"a confusion matrix must be square, got shape {list(rates.shape)}")
    if not np.isfinite(rates).all() or (rates < 0).any():
        raise TaxonomyError("confusions must be finite and not negative")
    sums = rates.sum(axis=1, keepdims=True)
    rates = rates / np.where(sums > 0, sums, 1)
    distance: FloatArray = 1 - (rates + rates.T) / 2
    np.fill_diagonal(distance, 0)
    return distance


def divisive(means: FloatArray, num_classes: Sizes, leaf_names: Sequence[str], *, seed: int = 0) -> Taxonomy:
    """Split, top down: the group with the largest sum of squares is halved by 2-means until there are enough.

    Args, Raises: as `agglomerative`; `seed` is of the 2-means.
    """
    _check(means, num_classes, leaf_names)
    partitions = {1: np.zeros(len(means), dtype=np.int64)}

    def partition(count: int) -> IntArray:
        for known in range(len(partitions), count):
            partitions[known + 1] = _split_largest(means, partitions[known], seed)
        return partitions[count]

    return _tree(Nested(squareform(pdist(means)), partition), num_classes, leaf_names)


def silhouette_sizes(nested: Nested, num_levels: int) -> list[int]:
    """Numbers of classes of the levels above the leaves, coarsest first: those whose silhouette coefficients
    (Rousseeuw 1987) have the largest sum, each at least twice the one before.

    Args:
        num_levels: H >= 2, leaf level included; 2^(H-1) must be below the number of leaves.
    """
    most = len(nested.distance) - 1
    score = np.full(most + 1, -np.inf)
    for count in range(2, most + 1):
        score[count] = silhouette_score(nested.distance, nested.partition(count), metric="precomputed")
    total, choices = score, list[IntArray]()
    for _ in range(num_levels - 2):
        best = _best_from(total)
        following = np.minimum(2 * np.arange(most + 1), most + 1)
        choices.append(best[following])
        total = score + np.append(total, -np.inf)[best[following]]
    sizes = [int(_best_from(total)[0])]
    for choice in reversed(choices):
        sizes.append(int(choice[sizes[-1]]))
    return sizes


def _best_from(total: FloatArray) -> IntArray:
    """For each index up to one past the end the index of the largest entry from there on, the first of equals."""
    best = np.full(len(total) + 1, len(total))
    for index in reversed(range(len(total))):
        later = best[index + 1]
        best[index] = index if later == len(total) or total[index] >= total[later] else later
    return best


def shuffled(taxonomy: Taxonomy, seed: int = 0) -> Taxonomy:
    """The same shape with its leaves permuted at random: what a tree's shape alone is worth.

    Leaves keep numbers and names; coarser classes lose their names, which would mislead.

    Raises:
        TaxonomyError: if there is no level above the leaves.
    """
    if taxonomy.num_levels < 2:
        raise TaxonomyError(
            f"a tree of the leaf level {taxonomy.level_names[-1]!r} alone has no classes above its leaves to shuffle "
            "them among"
        )
    order = np.random.default_rng(seed).permutation(taxonomy.num_leaves)
    columns = [*taxonomy.leaf_paths[order, :-1].T, np.arange(taxonomy.num_leaves)]
    names = [
        tuple(f"{level}-{c}" for c in range(count))
        for level, count in zip(taxonomy.level_names, taxonomy.num_classes, strict=True)
    ]
    return Taxonomy(taxonomy.level_names, (*names[:-1], taxonomy.class_names[-1]), np.stack(columns, axis=1))


def _check(rows: FloatArray, num_classes: Sizes, leaf_names: Sequence[str]) -> None:
    leaves = len(leaf_names)
    if len(rows) != leaves:
        raise TaxonomyError(
            f"there {are(len(rows))} {many(len(rows), 'class', 'classes')} to cluster, but {many(leaves, 'name')}"
        )
    if not np.isfinite(rows).all():
        bad = leaf_names[int((~np.isfinite(rows)).any(axis=1).argmax())]
        raise TaxonomyError(f"class means (or confusions) must be finite; those of leaf {bad!r} are not")
    check_sizes(num_classes, leaves)


def check_sizes(num_classes: Sizes, leaves: int) -> None:
    """Check that a tree over so many leaves can have these numbers of classes, or so many levels.

    Raises:
        TaxonomyError: if it cannot.
    """
    if isinstance(num_classes, int):
        if 2 ** (num_classes - 1) >= leaves:
            raise TaxonomyError(
                f"{many(leaves, 'leaf', 'leaves')} {are(leaves)} too few to choose "
                f"{many(num_classes, 'level')} for: each level has at least twice the "
                "classes of the one above, and the leaves are more; give the numbers of classes, or fewer levels"
            )
        return
    counts = [1, *num_classes, leaves]
    if len(counts) < 3 or any(finer <= coarse for coarse, finer in pairwise(counts)):
        raise TaxonomyError(
            f"the numbers of classes must increase from at least 2 to below {leaves}, the number of leaves, "
            f"got {list(num_classes)}"
        )


def _dendrogram(distance: FloatArray, method: Linkage) -> Nested:
    """From distances in SciPy's condensed form."""
    cuts = cut_tree(linkage(distance, method))  # column j: C - j classes
    return Nested(squareform(distance), lambda count: cuts[:, cuts.shape[1] - count])


def _tree(nested: Nested, num_classes: Sizes, leaf_names: Sequence[str]) -> Taxonomy:
    sizes = silhouette_sizes(nested, num_classes) if isinstance(num_classes, int) else num_classes
    return _from_columns([nested.partition(count) for count in sizes], leaf_names)


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
    """A taxonomy from the classes of each leaf at each coarser level, numbered again in the order of the leaves."""
    numbered = [_by_first_leaf(column) for column in columns]
    names = [tuple(f"induced{h}-{c}" for c in range(column.max() + 1)) for h, column in enumerate(numbered)]
    paths = np.stack([*numbered, np.arange(len(leaf_names))], axis=1)
    levels = (*(f"induced{h}" for h in range(len(columns))), "leaf")
    return Taxonomy(levels, (*names, tuple(leaf_names)), paths)


def _by_first_leaf(column: IntArray) -> IntArray:
    _, first, inverse = np.unique(column, return_index=True, return_inverse=True)
    rank: IntArray = np.argsort(np.argsort(first))
    return rank[inverse]
