"""The contrast in which a pair loses at least what the worst pair of any finer level loses (HiConE, arXiv 2204.13207).

With l_ip^h = -[ v_i.v_p / tau_h - log sum_{a != i} omega_a^h exp(v_i.v_a / tau_h) ] the loss of a pair,

    l_i^h = 1/|P_h(i)| sum_{p in P_h(i)} max(l_ip^h, M_{h+1}),   M_h = max(M_{h+1}, max_{i, p in P_h(i)} l_ip^h)

with M_H = -inf beyond the finest level; levels are averaged as in `contrast`. A pair below M_{h+1} has no gradient of
its own: it goes to the pair that set M_{h+1} (to one of them, if several lose the same).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hmlc_ray.objectives.contrast import hardware
from hmlc_ray.objectives.contrast.blockwise import groups_of
from hmlc_ray.objectives.contrast.denominator import Blocks, denominator, row_slices
from hmlc_ray.objectives.contrast.dense_constrained import temperatures
from hmlc_ray.objectives.contrast.function import Solution
from hmlc_ray.objectives.contrast.positives import Classes
from hmlc_ray.objectives.contrast.terms import LevelTerms
from hmlc_ray.objectives.contrast.vectors import LevelVectors

CPU_ROWS = 128
"""Rows per pass on a CPU where the caller asks for none."""


def solve(v: Tensor, labels: Tensor, terms: LevelTerms, differentiate: bool) -> Solution:
    """The floored losses of labels [n, H], and the gradient with respect to v [n, D]."""
    classes = Classes.of(labels)
    share = classes.anchor_shares(terms.anchor_weights, v.dtype)
    groups = groups_of(LevelVectors.shared(v, labels.shape[1]).places, terms, v.dtype)
    # Memory of blocks is kept for one denominator only, since all logarithms come before any gradient.
    blocks = Blocks(v, terms.chunk, keep=differentiate and len(groups) == 1)
    sums = [denominator(v, group.tau, group.columns, blocks) for group in groups]
    lse = torch.empty_like(share)
    for group, one in zip(groups, sums, strict=True):
        for h, own in zip(group.levels, one.log_sums().expand(len(group.levels), -1), strict=True):
            lse[h] = own
    pairs, weights = _Pairs(v, classes, temperatures(terms, lse), terms.chunk), terms.factors(share)
    losses, b, gradient = _floored(_Shares(share, weights), pairs, lse, _floors(pairs, lse))
    if differentiate:
        for group, one in zip(groups, sums, strict=True):
            one.add_gradient(group.merged(b), gradient)
    return Solution(losses @ weights, losses, classes.valid.sum(dim=1), [gradient] if differentiate else None)


@dataclass(frozen=True)
class _Shares:
    anchors: Tensor
    """alpha_i / sum alpha over valid anchors, float [H, n]."""
    levels: Tensor
    """w_h / sum w, float [H]."""


class _Pairs:
    """Pairs of rows in blocks of the upper triangle.

    Who is positive to whom is a matrix of numbers, not of booleans, with which CPUs are slow.
    """

    def __init__(self, v: Tensor, classes: Classes, tau: Tensor, chunk: int | None) -> None:
        self.v, self.classes, self.tau = v, classes, tau
        self.ids = classes.ids.to(v.dtype)
        self.blocks = row_slices(len(v), chunk or (CPU_ROWS if hardware.on_cpu(v) else len(v)))

    def similarities(self, rows: slice) -> Tensor:
        """Similarities of a block's rows to all rows from its start on, float [rows, from the start on]."""
        return self.v[rows] @ self.v[rows.start :].T

    def positive(self, level: int, rows: slice, out: Tensor) -> Tensor:
        """1 for a positive, else 0; float, of the same shape."""
        torch.eq(self.ids[level, rows, None], self.ids[level, rows.start :], out=out).diagonal().zero_()
        return out

    def nearest(self, level: int, rows: slice, similarities: Tensor, out: Tensor) -> Tensor:
        """The similarities, those of others than positives moved up by 4, out of their range."""
        torch.ne(self.ids[level, rows, None], self.ids[level, rows.start :], out=out).diagonal().fill_(1)
        return torch.add(similarities, out, alpha=4, out=out)


@dataclass(frozen=True)
class _Floors:
    """M_{h+1} per level, and the pair that sets it."""

    value: Tensor
    """float [H]; -inf where no finer level has a pair."""
    level: Tensor
    """int64 [H], of the pair; likewise its anchor and its positive, [H]."""
    anchor: Tensor
    positive: Tensor


def _floors(pairs: _Pairs, lse: Tensor) -> _Floors:
    """The worst pair of every level, accumulated from the finest to the coarsest."""
    lowest = torch.full_like(lse, 4)
    for rows in pairs.blocks:
        similarities = pairs.similarities(rows)
        scratch, size = torch.empty_like(similarities), rows.stop - rows.start
        for h in range(1, len(lse)):
            candidates = pairs.nearest(h, rows, similarities, scratch)
            torch.minimum(lowest[h, rows], candidates.amin(dim=1), out=lowest[h, rows])
            if rows.stop < len(pairs.v):
                later = lowest[h, rows.stop :]
                torch.minimum(later, candidates[:, size:].amin(dim=0), out=later)
    worst, anchor = torch.where(lowest < 2, lse - lowest / pairs.tau, -torch.inf).max(dim=1)
    others = pairs.ids.gather(1, anchor[:, None]) != pairs.ids
    others.scatter_(1, anchor[:, None], True)
    positive = (pairs.v[anchor] @ pairs.v.T + 4 * others).argmin(dim=1)
    value, reverse = worst.flip(0).cummax(dim=0)
    level = len(lse) - 1 - reverse.flip(0).roll(-1)
    none = value.new_full((1,), -torch.inf)
    return _Floors(torch.cat([value.flip(0)[1:], none]), level, anchor[level], positive[level])


def _floored(shares: _Shares, pairs: _Pairs, lse: Tensor, floors: _Floors) -> tuple[Tensor, Tensor, Tensor]:
    """L_h, float [H]; the weights b of the logarithms, float [H, n]; the gradient of all but these, float [n, D]."""
    count, tau = pairs.classes.positives.clamp_min(1), pairs.tau
    kappa = shares.anchors / count
    pull = kappa * shares.levels[:, None]
    # A pair is above the floor where its similarity is below this. Without positives the value does not matter.
    limit = torch.where(pairs.classes.valid, tau * (lse - floors.value[:, None]), 2)
    attraction, above = torch.zeros_like(lse), torch.zeros_like(lse)
    gradient = torch.zeros_like(pairs.v)
    for rows in pairs.blocks:
        w = _visit(rows, pairs, limit, pull / tau, attraction, above)
        own = rows.stop - rows.start
        w[:, :own] += w[:, :own].T.clone()
        gradient[rows].addmm_(w, pairs.v[rows.start :], alpha=-1)
        gradient[rows.stop :].addmm_(w[:, own:].T, pairs.v[rows], alpha=-1)
    finest = pairs.classes.others(pairs.v[:, None], len(lse) - 1)[:, 0]
    attraction[-1], above[-1] = torch.linalg.vecdot(pairs.v, finest), pairs.classes.positives[-1]
    gradient.addcmul_(finest, (pull / tau)[-1, :, None], value=-2)
    losses = (shares.anchors * lse - kappa * attraction / tau).sum(dim=1)
    b = pull * above
    _lead(b, gradient, pairs, floors, (pull * (pairs.classes.positives - above)).sum(dim=1))
    return losses, b, gradient


def _visit(rows: slice, pairs: _Pairs, limit: Tensor, pull: Tensor, attraction: Tensor, above: Tensor) -> Tensor:
    """Add a block's pairs at all but the finest level, where no floor is: both ways, as either row is the anchor.

    `attraction` sums min(similarity, limit), `above` counts pairs above the floor; both float [H, n]. Returned are the
    weights of the block's similarities in the loss, times -1.
    """
    similarities, own = pairs.similarities(rows), rows.stop - rows.start
    mask, scratch, weights = (torch.empty_like(similarities) for _ in range(3))
    weights.zero_()
    for h in range(len(limit) - 1):
        pairs.positive(h, rows, mask)
        bound, strength = limit[h, rows, None], pull[h, rows, None]
        attraction[h, rows] += torch.minimum(similarities, bound, out=scratch).mul_(mask).sum(dim=1)
        above[h, rows] += torch.lt(similarities, bound, out=scratch).mul_(mask).sum(dim=1)
        weights.addcmul_(scratch, strength)
        bound, strength = limit[h, rows.stop :], pull[h, rows.stop :]
        later, positive, free = similarities[:, own:], mask[:, own:], scratch[:, own:]
        attraction[h, rows.stop :] += torch.minimum(later, bound, out=free).mul_(positive).sum(dim=0)
        above[h, rows.stop :] += torch.lt(later, bound, out=free).mul_(positive).sum(dim=0)
        weights[:, own:].addcmul_(free, strength)
    return weights


def _lead(b: Tensor, gradient: Tensor, pairs: _Pairs, floors: _Floors, weight: Tensor) -> None:
    """Add the gradient of the pairs that set the floors, each with the weight [H] of the pairs that lie below it."""
    v = pairs.v
    b.view(-1).index_add_(0, floors.level * len(v) + floors.anchor, weight)
    strength = (weight / pairs.tau[floors.level, 0])[:, None]
    gradient.index_add_(0, floors.anchor, -strength * v[floors.positive])
    gradient.index_add_(0, floors.positive, -strength * v[floors.anchor])
