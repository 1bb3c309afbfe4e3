"""Every objective as the formulas of docs/objectives.md say it, in loops over pairs; slow, and meant to be read.

All tensors are float64; `rows` are lists of vectors, `labels` lists of hashable values. Nothing here is shared with the
package.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Rows = Sequence[Tensor]
Labels = Sequence[Hashable]
EPSILON = 1e-6


def unit(u: Tensor) -> Tensor:
    """u / max(|u|, epsilon)."""
    square = u @ u
    return u / torch.sqrt(square) if square > EPSILON**2 else u / EPSILON


@dataclass
class Weights:
    """alpha of anchors, omega of columns, further columns with their omega; by default ones and none."""

    alpha: Callable[[int], float] = lambda i: 1.0
    omega: Callable[[int], float] = lambda a: 1.0
    prototypes: list[tuple[Tensor, float]] = field(default_factory=list)


def log_denominator(v: Rows, i: int, tau: float, weights: Weights) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for a in range(len(v)):
        if a != i:
            total = total + weights.omega(a) * torch.exp(v[i] @ v[a] / tau)
    for q, omega in weights.prototypes:
        total = total + omega * torch.exp(v[i] @ q / tau)
    return torch.log(total)


def positives(labels: Labels, i: int) -> list[int]:
    return [p for p in range(len(labels)) if p != i and labels[p] == labels[i]]


def pair_losses(v: Rows, labels: Labels, tau: float, weights: Weights) -> dict[int, list[Tensor]]:
    """Per valid anchor, the losses of its pairs."""
    result = {}
    for i in range(len(v)):
        if positives(labels, i):
            log_sum = log_denominator(v, i, tau, weights)
            result[i] = [log_sum - v[i] @ v[p] / tau for p in positives(labels, i)]
    return result


def average(losses: dict[int, list[Tensor]], weights: Weights) -> Tensor:
    """sum_i alpha_i l_i / sum_i alpha_i, with l_i the mean over pairs; 0 without anchors."""
    if not losses:
        return torch.zeros((), dtype=torch.float64)
    total = sum(weights.alpha(i) * sum(pairs) / len(pairs) for i, pairs in losses.items())
    return total / sum(weights.alpha(i) for i in losses)


def level(v: Rows, labels: Labels, tau: float, weights: Weights | None = None) -> Tensor:
    """L_h."""
    weights = weights or Weights()
    return average(pair_losses(v, labels, tau, weights), weights)


def levels(
    vectors: Sequence[Rows],
    labels: Sequence[Labels],
    taus: Sequence[float],
    level_weights: Sequence[float],
    weights: Sequence[Weights] | None = None,
) -> Tensor:
    """sum_h w_h L_h / sum_h w_h."""
    weights = weights or [Weights() for _ in vectors]
    each = [level(v, y, tau, w) for v, y, tau, w in zip(vectors, labels, taus, weights, strict=True)]
    return sum(w * loss for w, loss in zip(level_weights, each, strict=True)) / sum(level_weights)


def constrained(
    v: Rows, labels: Sequence[Labels], taus: Sequence[float], level_weights: Sequence[float], weights: Sequence[Weights]
) -> Tensor:
    """HiConE / HiMulConE of the paper: a pair loses at least what the worst pair of a finer level loses."""
    total, worst = torch.zeros((), dtype=torch.float64), None
    for h in reversed(range(len(labels))):
        pairs = pair_losses(v, labels[h], taus[h], weights[h])
        floored = {
            i: [loss if worst is None or loss > worst else worst for loss in losses] for i, losses in pairs.items()
        }
        total = total + level_weights[h] * average(floored, weights[h])
        for losses in pairs.values():
            for loss in losses:
                worst = loss if worst is None or loss > worst else worst
    return total / sum(level_weights)


def released(
    v: Rows,
    labels: Sequence[Labels],
    draws: Labels,
    taus: Sequence[float],
    level_weights: Sequence[float],
    floor: bool,
    weights_of: Callable[[int, list[int]], Weights] = lambda h, rows: Weights(),
) -> Tensor:
    """The released code of HiMulCon and its kin, sample by sample.

    A sample is a tuple of labels, coarsest first and the draw as the last column, and the rows of its views. Pass l of
    as many as there are levels compares the tuples without their last l columns: equal ones are of one class. After a
    pass the first sample of each class stays; those that stay are in the order of the tuples compared.
    """
    levels = len(labels)
    samples: dict[Hashable, list[int]] = {}
    for i, draw in enumerate(draws):
        samples.setdefault(draw, []).append(i)
    kept = [([*(own[rows[0]] for own in labels), draw], rows) for draw, rows in samples.items()]
    total, largest = torch.zeros((), dtype=torch.float64), None
    for finest_first in range(1, levels + 1):
        h, columns = levels - finest_first, levels + 1 - finest_first
        rows = [i for _, views in kept for i in views]
        own = [tuple(path[:columns]) for path, views in kept for _ in views]
        loss = level([v[i] for i in rows], own, taus[h], weights_of(h, rows))
        if floor and largest is not None and largest > loss:
            loss = largest
        largest = loss if largest is None or loss > largest else largest
        total = total + level_weights[h] * loss
        first: dict[tuple[Hashable, ...], tuple[list[Hashable], list[int]]] = {}
        for path, views in kept:
            first.setdefault(tuple(path[:columns]), (path, views))
        kept = [first[key] for key in sorted(first)]
    return total / (levels + 1)


def linear(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    return torch.stack([row @ x + b for row, b in zip(weight, bias, strict=True)])


def two_layers(head: Sequence[Tensor], x: Tensor) -> Tensor:
    """Linear, ReLU, linear on the clipped input; the head is weight, bias, weight, bias."""
    hidden = linear(head[0], head[1], x.clamp(-1e6, 1e6))
    return linear(head[2], head[3], torch.stack([a if a > 0 else 0 * a for a in hidden]))


def gate(head: Sequence[Tensor], temperature: float, z: Tensor) -> Tensor:
    return torch.stack([torch.sigmoid(a / temperature) for a in two_layers(head, z)])


def overlap(gates: Sequence[Rows]) -> Tensor:
    """sum over pairs of levels of cos^2 between mean gates."""
    means = [sum(rows) / len(rows) for rows in gates]
    total = torch.zeros((), dtype=torch.float64)
    for h in range(len(means)):
        for k in range(h + 1, len(means)):
            cosine = means[h] @ means[k] / torch.sqrt((means[h] @ means[h]) * (means[k] @ means[k]))
            total = total + cosine**2
    return total


class Prototypes:
    """Moving averages of class means, by class; `columns` weighs the batch and them by 1 / n_class."""

    def __init__(self, momentum: float) -> None:
        self.momentum, self.stored = momentum, {}

    def columns(self, labels: Labels) -> Weights:
        count = {y: sum(other == y for other in labels) for y in labels}
        omega = {y: 1 / (count.get(y, 0) + (y in self.stored)) for y in (*labels, *self.stored)}
        columns = [(unit(q), omega[y]) for y, q in self.stored.items()]
        return Weights(omega=lambda a: omega[labels[a]], prototypes=columns)

    def update(self, v: Rows, labels: Labels) -> None:
        for y in set(labels):
            rows = [v[i].detach() for i in range(len(v)) if labels[i] == y]
            mean = sum(rows) / len(rows)
            old = self.stored.get(y)
            self.stored[y] = mean if old is None else self.momentum * old + (1 - self.momentum) * mean


def softmax(logits: Tensor) -> list[Tensor]:
    exponentials = [torch.exp(x - logits.max().item()) for x in logits]
    total = sum(exponentials)
    return [e / total for e in exponentials]


def cross_entropy(logits: Rows, labels: Sequence[int]) -> Tensor:
    """Mean over rows."""
    return sum(-torch.log(softmax(row)[y]) for row, y in zip(logits, labels, strict=True)) / len(labels)


def consistency(logits: Sequence[Rows], parents: Sequence[Sequence[int]]) -> Tensor:
    """Mean Jensen-Shannon divergence of a level's prediction and the finer one's, summed over children."""
    total, count = torch.zeros((), dtype=torch.float64), 0
    for h in range(len(logits) - 1):
        for coarse_logits, fine_logits in zip(logits[h], logits[h + 1], strict=True):
            coarse, fine = softmax(coarse_logits), softmax(fine_logits)
            for c, p in enumerate(coarse):
                q = sum(fine[k] for k in range(len(fine)) if parents[h + 1][k] == c)
                middle = (p + q) / 2
                total = total + (p * torch.log(p / middle) + q * torch.log(q / middle)) / 2
            count += 1
    return total / max(count, 1)


def max_constraint(
    logits: Sequence[Rows], labels: Sequence[Sequence[int]], parents: Sequence[Sequence[int]]
) -> list[Tensor]:
    """MCLoss of C-HMCNN per level: mean over rows of the sum over the level's classes."""

    def descendants(h: int, c: int) -> list[tuple[int, int]]:
        found = [(h, c)]
        if h + 1 < len(logits):
            for k in range(len(logits[h + 1][0])):
                if parents[h + 1][k] == c:
                    found += descendants(h + 1, k)
        return found

    def output(h: int, c: int, i: int) -> Tensor:
        return 1 / (1 + torch.exp(-logits[h][i][c]))

    losses = []
    for h in range(len(logits)):
        total = torch.zeros((), dtype=torch.float64)
        for i in range(len(logits[h])):
            for c in range(len(logits[h][i])):
                below = descendants(h, c)
                if labels[h][i] == c:
                    true = [output(k, d, i) for k, d in below if labels[k][i] == d]
                    total = total - torch.log(max(true, key=Tensor.item))
                else:
                    total = total - torch.log(1 - max((output(k, d, i) for k, d in below), key=Tensor.item))
        losses.append(total / len(logits[h]))
    return losses


def level_weights(form: str, ratio: float, num_classes: Sequence[int]) -> list[float]:
    """w_h by name, coarsest first."""
    result = []
    for h, count in enumerate(num_classes):
        position = len(num_classes) - h
        result.append(
            {
                "uniform": 1.0,
                "coarse_to_fine": ratio**h,
                "fine_to_coarse": ratio ** (len(num_classes) - 1 - h),
                "pow2": 2 ** (1 / position),
                "exp": math.e ** (1 / position),
                "log_classes": math.log(count),
            }[form]
        )
    return result
