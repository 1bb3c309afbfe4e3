"""What cosine neighbours say: kNN classification, nearness to classes, and MAP@R."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

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


def class_similarities(queries: Tensor, references: Tensor, paths: Tensor, k: int) -> Tensor:
    """Cosine similarity of every query to the k-th nearest reference of a class, the largest over a level's classes.

    Args:
        queries: float [n, F].
        references: float [N, F], on the same device.
        paths: int64 [N, H], the references' classes.
        k: capped, for each class, at the number of its references.

    Returns:
        float [n, H].
    """
    references = normalize(references, dim=1)
    blocks = torch.tensor_split(normalize(queries, dim=1), _cuts(len(queries)))
    needed = [torch.bincount(labels).clamp(max=k) for labels in paths.T]
    found = []
    for block in blocks:
        similarities = block @ references.T
        levels = zip(paths.T, needed, strict=True)
        found.append(
            torch.stack([_of_first_class(similarities, labels, each, 4 * k) for labels, each in levels], dim=1)
        )
    return torch.cat(found)


def _of_first_class(similarities: Tensor, labels: Tensor, needed: Tensor, count: int) -> Tensor:
    """float [b]: similarity of the neighbour with which, from the nearest on, the first class has what is needed.

    No class has its k-th neighbour nearer. So many neighbours as `count` are looked at, and twice as many of the
    queries for which they are too few.
    """
    result, rows = similarities.new_empty(len(similarities)), torch.arange(len(similarities), device=labels.device)
    while len(rows):
        count = min(count, len(labels))
        top = similarities[rows].topk(count, dim=1)
        first = _first_complete(labels[top.indices], needed)
        is_found = first < count
        result[rows[is_found]] = top.values[is_found].gather(1, first[is_found, None])[:, 0]
        rows, count = rows[~is_found], 2 * count
    return result


def _first_complete(labels: Tensor, needed: Tensor) -> Tensor:
    """int64 [b]: the first position in each row of labels [b, M] by which a class occurs as often as needed; else M."""
    ordered, order = labels.sort(dim=1, stable=True)
    position = torch.arange(labels.shape[1], device=labels.device)
    begins = torch.ones_like(ordered, dtype=torch.bool)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    start = torch.where(begins, position, 0).cummax(dim=1).values
    return torch.where(position - start + 1 == needed[ordered], order, labels.shape[1]).amin(dim=1)


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
