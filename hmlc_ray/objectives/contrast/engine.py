"""The contrast at every level.

    l_i^h = -1/|P_h(i)| sum_{p in P_h(i)} [ v_i.v_p / tau_h - log sum_{a != i} omega_a^h exp(v_i.v_a / tau_h) ]
    L_h   = sum_i alpha_i^h l_i^h / sum_i alpha_i^h        over anchors i with a positive
    L     = sum_h w_h L_h / sum_h w_h

with P_h(i) = {p != i : y_p^h = y_i^h}. This is SupCon (arXiv 2004.11362, eq. 2) with anchor weights alpha and
denominator weights omega; both are 1 unless an imbalance mode says otherwise.

How it is computed: levels with the same vectors and temperature share their similarities, and without omega even the
logarithm. The positives need no matrix, since sum_p v_i.v_p = v_i.(s - v_i) with s the sum over the anchor's class. The
weights of L are known beforehand, so the gradient is computed in the forward pass and only scaled in the backward pass:
one matrix of similarities is alive at a time, however many levels there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hmlc_ray.objectives.base import LossReport
from hmlc_ray.objectives.contrast.denominator import Blocks, Columns, denominator
from hmlc_ray.objectives.contrast.positives import Classes
from hmlc_ray.objectives.contrast.vectors import LevelVectors, Place, outside_graphs


@dataclass(frozen=True)
class Prototypes:
    """Further columns of one level's denominator; they are no anchors, no positives, and get no gradient."""

    vectors: Tensor
    """float [C, D_h], unit rows in the level's space."""
    weights: Tensor
    """omega, float [C]; 0 leaves a column out."""


@dataclass(frozen=True)
class ColumnWeights:
    """omega: what each column of the denominators weighs."""

    batch: Tensor
    """float [n, H], positive, for the batch's rows."""
    prototypes: Sequence[Prototypes]
    """Per level, the further columns."""


@dataclass(frozen=True)
class LevelTerms:
    """What the levels' contrasts are made of, besides vectors and labels."""

    temperatures: Sequence[float]
    """tau per level."""
    weights: Tensor
    """w, float [H]."""
    anchor_weights: Tensor | None = None
    """alpha, float [n, H], positive, the same for all rows of a class; None: ones."""
    columns: ColumnWeights | None = None
    """omega, with further columns; None: ones, and none."""
    chunk: int | None = None
    """Rows per block; the memory for similarities is then linear in n. None: chosen for speed."""

    def of_level(self, level: int) -> LevelTerms:
        """One level alone, with weight 1."""
        part = slice(level, level + 1)
        columns = self.columns and ColumnWeights(self.columns.batch[:, part], self.columns.prototypes[part])
        alpha = None if self.anchor_weights is None else self.anchor_weights[:, part]
        return LevelTerms(self.temperatures[part], torch.ones_like(self.weights[part]), alpha, columns, self.chunk)


@outside_graphs
def level_contrast(vectors: LevelVectors, labels: Tensor, terms: LevelTerms) -> LossReport:
    """The weighted sum of the levels' contrasts.

    Args:
        vectors: v^h. Levels of the same place (and the same temperature) share their similarities.
        labels: int64 [n, H]; any integers, equal where rows are of one class.
        terms: temperatures and weights.

    Returns:
        The report; a level without a valid anchor counts as 0 and gets no gradient. `total` can be differentiated once.
    """
    with torch.autocast(labels.device.type, enabled=False):
        problem = Problem.of(vectors, labels, terms)
        runs = _runs(vectors.places, terms)
        total, losses = _Contrast.apply(problem, runs, terms.chunk, *vectors.stacks)  # type: ignore[no-untyped-call]
    return LossReport(total, losses, problem.classes.valid.sum(dim=1))


@dataclass(frozen=True)
class Group:
    """Levels that share their similarities."""

    levels: list[int]
    place: Place
    tau: float
    columns: Columns

    def merged(self, b: Tensor) -> Tensor:
        """The weights [H, n] of the levels' logarithms for those that the denominator has: one, or one per level."""
        if len(self.levels) == 1:
            return b[self.levels[0]][None]
        return b[self.levels] if self.columns.batch is not None else b[self.levels].sum(dim=0, keepdim=True)


class _Run(NamedTuple):
    """Neighbouring levels of one temperature whose vectors stand side by side."""

    levels: slice
    place: Place
    """Of the first level."""
    tau: float


@dataclass(frozen=True)
class Problem:
    """One batch's contrast, ready to be computed."""

    classes: Classes
    share: Tensor
    """alpha_i / sum alpha over valid anchors, float [H, n]."""
    weights: Tensor
    """w_h / sum w, float [H]."""
    groups: list[Group]
    differentiate: bool

    @classmethod
    def of(cls, vectors: LevelVectors, labels: Tensor, terms: LevelTerms) -> Problem:
        """Prepare it."""
        classes = Classes.of(labels)
        share = classes.anchor_shares(terms.anchor_weights, vectors.stacks[0].dtype)
        weights = terms.weights.to(share)
        differentiate = torch.is_grad_enabled() and any(stack.requires_grad for stack in vectors.stacks)
        return cls(classes, share, weights / weights.sum(), _groups(vectors.places, terms, share.dtype), differentiate)


def _groups(places: Sequence[Place], terms: LevelTerms, dtype: torch.dtype) -> list[Group]:
    sharing: dict[tuple[Place, float], list[int]] = {}
    for h, key in enumerate(zip(places, terms.temperatures, strict=True)):
        sharing.setdefault(key, []).append(h)
    return [
        Group(levels, place, tau, _columns(levels, terms.columns, dtype)) for (place, tau), levels in sharing.items()
    ]


def _runs(places: Sequence[Place], terms: LevelTerms) -> list[_Run]:
    """Of one level each where the caller asks for little memory."""
    runs: list[_Run] = []
    for h, (place, tau) in enumerate(zip(places, terms.temperatures, strict=True)):
        together = h > 0 and terms.chunk is None and tau == terms.temperatures[h - 1]
        if together and _is_next(places[h - 1], place):
            runs[-1] = runs[-1]._replace(levels=slice(runs[-1].levels.start, h + 1))
        else:
            runs.append(_Run(slice(h, h + 1), place, tau))
    return runs


def _is_next(place: Place, other: Place) -> bool:
    return place.stack == other.stack and place.slot + 1 == other.slot


def _columns(levels: list[int], columns: ColumnWeights | None, dtype: torch.dtype) -> Columns:
    """Of K levels that share vectors; a prototype counts at its own level only."""
    if columns is None:
        return Columns()
    own = [columns.prototypes[h] for h in levels]
    psi: Tensor = torch.block_diag(*(p.weights for p in own))  # type: ignore[no-untyped-call]
    q = torch.cat([prototypes.vectors for prototypes in own]).to(dtype)
    return Columns(columns.batch.T[levels].to(dtype), (q, psi.to(dtype)))


class _Contrast(torch.autograd.Function):
    """sum_h w_h L_h, and the L_h, which carry no gradient, from the stacks of vectors."""

    @staticmethod
    def forward(
        ctx: Any, problem: Problem, runs: list[_Run], chunk: int | None, *stacks: Tensor
    ) -> tuple[Tensor, Tensor]:
        gradients = [torch.zeros_like(stack) for stack in stacks] if problem.differentiate else None
        b = problem.share * problem.weights[:, None]
        log_sums = _repulsion(problem, b, chunk, stacks, gradients)
        attraction = _attraction(problem, runs, b, stacks, gradients)
        losses = (problem.share * (log_sums - attraction)).sum(dim=1)
        ctx.save_for_backward(*(gradients or ()))
        ctx.mark_non_differentiable(losses)
        return losses @ problem.weights, losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, total: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        return (None, None, None, *(gradient * total for gradient in ctx.saved_tensors))


def _repulsion(
    problem: Problem, b: Tensor, chunk: int | None, stacks: Sequence[Tensor], gradients: Sequence[Tensor] | None
) -> Tensor:
    """log sum_{a != i} omega_a exp(v_i.v_a / tau), float [H, n]; the gradient of its part of the loss is added.

    b, float [H, n], is what an anchor weighs in the loss.
    """
    log_sums = torch.empty_like(b)
    blocks = Blocks(stacks[0], chunk, keep=gradients is not None)
    for group in problem.groups:
        stack, slot = group.place.stack, group.place.slot
        sums = denominator(stacks[stack][:, slot], group.tau, group.columns, blocks, group.place.width)
        own = sums.log_sums()
        for h, lse in zip(group.levels, own.expand(len(group.levels), -1), strict=True):
            log_sums[h] = lse
        if gradients is not None:
            sums.add_gradient(group.merged(b), gradients[stack][:, slot])
    return log_sums


def _attraction(
    problem: Problem, runs: list[_Run], b: Tensor, stacks: Sequence[Tensor], gradients: Sequence[Tensor] | None
) -> Tensor:
    """The mean of v_i.v_p / tau over the positives p, float [H, n]; the gradient of its part of the loss is added."""
    count = problem.classes.positives.clamp_min(1)
    pull, parts = b / count, []
    for levels, place, tau in runs:
        slots = slice(place.slot, place.slot + levels.stop - levels.start)
        v = stacks[place.stack][:, slots]
        others = problem.classes.others(v, levels.start)
        if gradients is not None:
            # A row pulls as an anchor and, with the same strength, as a positive of its class's other rows.
            gradients[place.stack][:, slots].addcmul_(others, pull[levels].T.unsqueeze(2), value=-2 / tau)
        parts.append(torch.linalg.vecdot(v, others).T.div_(tau))
    return (parts[0] if len(parts) == 1 else torch.cat(parts)).div_(count)
