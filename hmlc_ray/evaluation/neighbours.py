"""What cosine neighbours say: kNN classification, nearness to classes, and MAP@R."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import normalize

from hmlc_ray.arrays import IntArray

Similarities = npt.NDArray[np.float32]
BLOCK = 256
"""Queries compared at once; bounds memory to BLOCK x references similarities."""


def nearest(queries: Tensor, references: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k nearest references of every query by cosine similarity, nearest first.

    Args:
        queries: float [n, F].
        references: float [N, F], on the same device.
        k: capped at N.

    Returns:
        Similarities float [n, k] and indices int64 [n, k].
    """
    references = normalize(references, dim=1)
    k = min(k, len(references))
    blocks = torch.tensor_split(normalize(queries, dim=1), _cuts(len(queries)))
    nearest_rows = [(block @ references.T).topk(k, dim=1) for block in blocks]
    return torch.cat([top.values for top in nearest_rows]), torch.cat([top.indices for top in nearest_rows])


def vote(similarities: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """Majority class of the neighbours; a tie goes to the class with the larger summed similarity.

    Args:
        similarities: float [n, k] in [-1, 1].
        labels: int64 [n, k], the neighbours' classes in [0, num_classes).

    Returns:
        int64 [n].
    """
    # Similarities over 4k sum to at most 1/4 in size: enough to break a tie, never enough to turn a vote.
    weights = 1 + similarities.double() / (4 * labels.shape[1])
    scores = torch.zeros(min(BLOCK, len(labels)), num_classes, dtype=torch.float64, device=labels.device)
    votes = []
    for start in range(0, len(labels), BLOCK):
        own = labels[start : start + BLOCK]
        votes.append(scores[: len(own)].zero_().scatter_add_(1, own, weights[start : start + BLOCK]).argmax(dim=1))
    return torch.cat(votes)


def class_similarities(queries: Tensor, references: Tensor, paths: IntArray, k: int) -> Similarities:
    """Cosine similarity of every query to the k-th nearest reference of a class, the largest over a level's classes.

    Args:
        queries: float [n, F].
        references: float [N, F], on the same device.
        paths: int64 [N, H], the references' classes.
        k: capped, for each class, at the number of its references.

    Returns:
        float32 [n, H].
    """
    order = np.lexsort(paths.T[::-1])  # which puts the classes of every level together
    leaves, first = np.unique(paths[order], axis=0, return_index=True)
    ordered = normalize(references, dim=1)[torch.from_numpy(order).to(references.device)]
    children = _children(leaves)
    found = []
    for block in torch.tensor_split(normalize(queries, dim=1), _cuts(len(queries))):
        parts = np.split((block @ ordered.T).cpu().numpy(), first[1:], axis=1)
        levels = []
        for groups in children:
            # The nearest of a class are among the nearest of its children.
            parts = [_largest(parts[start:end], k) for start, end in groups]
            levels.append(np.max([part.min(axis=1) for part in parts], axis=0))
        found.append(np.stack(levels[::-1], axis=1))
    return np.concatenate(found)


def _children(leaves: IntArray) -> list[list[tuple[int, int]]]:
    """Classes as ranges of those of the next finer level, per level, the finest level first; a leaf is its own range.

    Args:
        leaves: int64 [L, H], sorted paths.
    """
    finer, result = np.arange(len(leaves)), []
    for labels in leaves.T[::-1]:
        starts = np.flatnonzero(np.diff(labels, prepend=labels[0] - 1))
        bounds = [*np.searchsorted(finer, starts).tolist(), len(finer)]
        result.append(list(pairwise(bounds)))
        finer = starts
    return result


def _largest(parts: list[Similarities], k: int) -> Similarities:
    """The k largest of the columns of several arrays, in each row: float32 [n, at most k]."""
    joined = np.concatenate(parts, axis=1)
    cut = joined.shape[1] - k
    return np.partition(joined, cut, axis=1)[:, cut:] if cut > 0 else joined


def map_at_r(features: Tensor, paths: Tensor) -> Tensor:
    """Mean average precision at R, per level (Musgrave et al. 2020, arXiv 2003.08505, section 3.2).

    Every sample is a query against all others; R is the number of others of its class. Samples alone in their
    class are left out.

    Args:
        features: float [n, F].
        paths: int64 [n, H].

    Returns:
        float64 [H]; NaN where every sample is alone in its class.
    """
    features = normalize(features, dim=1)
    rows = torch.arange(len(features), device=features.device)
    blocks = [_average_precision(features, paths, block) for block in torch.tensor_split(rows, _cuts(len(rows)))]
    return torch.cat(blocks).nanmean(dim=0)


def _cuts(rows: int) -> list[int]:
    """Where blocks begin, but for the first."""
    return list(range(BLOCK, rows, BLOCK))


def _average_precision(features: Tensor, paths: Tensor, rows: Tensor) -> Tensor:
    """float64 [b, H]: average precision at R of the queries `rows`; NaN where R is 0."""
    similarities = features[rows] @ features.T
    similarities[torch.arange(len(rows)), rows] = -torch.inf
    order = similarities.argsort(dim=1, descending=True, stable=True)[:, :-1]
    rank = torch.arange(1, order.shape[1] + 1, device=order.device)
    result = []
    for labels in paths.T:
        relevant = labels[order] == labels[rows, None]
        total = relevant.sum(dim=1)
        precision = relevant.cumsum(dim=1).double() / rank
        counted = relevant & (rank <= total[:, None])
        result.append((precision * counted).sum(dim=1) / total)
    return torch.stack(result, dim=1)
