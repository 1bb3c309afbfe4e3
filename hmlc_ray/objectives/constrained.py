"""The contrast in which a pair loses at least what the worst pair of any finer level loses (HiConE, arXiv 2204.13207).

With l_ip^h = -[ v_i.v_p / tau_h - log sum_{a != i} omega_a^h exp(v_i.v_a / tau_h) ] the loss of a pair,

    l_i^h = 1/|P_h(i)| sum_{p in P_h(i)} max(l_ip^h, M_{h+1}),   M_h = max(M_{h+1}, max_{i, p in P_h(i)} l_ip^h)

with M_H = -inf beyond the finest level; levels are averaged as in `contrast`. A pair below M_{h+1} has no gradient of
its own: it goes to the pair that set M_{h+1} (to one of them, if several lose the same).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hmlc_ray.objectives.base import LossReport
from hmlc_ray.objectives.contrast import LevelTerms, Problem
from hmlc_ray.objectives.denominator import Blocks, denominator, row_slices

CPU_ROWS = 128
"""Rows per pass on a CPU where the caller asks for none."""


def constrained_contrast(v: Tensor, labels: Tensor, terms: LevelTerms) -> LossReport:
    """The weighted sum of the levels' contrasts, each floored by the finer ones.

    Args:
        v: float32 or float64 [n, D], rows of length at most 1, for all levels.
        labels: int64 [n, H], coarsest first.
        terms: temperatures and weights.

    Returns:
        The report; `per_level` holds the floored losses. `total` can be differentiated once.
    """
    with torch.autocast(v.device.type, enabled=False):
        problem = Problem.of((v,) * labels.shape[1], labels, terms)
        total, losses = _Constrained.apply(problem, terms, v)  # type: ignore[no-untyped-call]
    return LossReport(total, losses, problem.classes.valid.sum(dim=1))


class _Constrained(torch.autograd.Function):
    """sum_h w_h L_h with floors, and the L_h, which carry no gradient."""

    @staticmethod
    def forward(ctx: Any, problem: Problem, terms: LevelTerms, v: Tensor) -> tuple[Tensor, Tensor]:
        blocks = Blocks(v, terms.chunk, keep=problem.differentiate and len(problem.groups) == 1)
        sums = [denominator(v, group.tau, group.columns, blocks) for group in problem.groups]
        lse = torch.empty_like(problem.share)
        for group, one in zip(problem.groups, sums, strict=True):
            lse[group.levels] = one.log_sums().expand(len(group.levels), -1)
        tau = torch.tensor(terms.temperatures).to(lse)[:, None]
        passes = row_slices(len(v), terms.chunk or (CPU_ROWS if v.device.type == "cpu" else len(v)))
        positive = _Positives(v, problem.classes.ids.to(v.dtype))
        floors = _floors(positive, lse, tau, passes)
        losses, b, gradient = _floored(problem, positive, lse, tau, floors, passes)
        if problem.differentiate:
            for group, one in zip(problem.groups, sums, strict=True):
                own = b[group.levels]
                gradient += one.gradient(own.sum(dim=0, keepdim=True) if group.columns.batch is None else own)
            ctx.save_for_backward(gradient)
        ctx.mark_non_differentiable(losses)
        return losses @ problem.weights, losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, total: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return None, None, gradient * total


class _Positives:
    """Similarities of some rows to all, and who is positive to them; as numbers, since CPUs are slow with booleans."""

    def __init__(self, v: Tensor, ids: Tensor) -> None:
        self.v, self.ids = v, ids

    def similarities(self, rows: slice) -> Tensor:
        """float [rows, n]."""
        return self.v[rows] @ self.v.T

    def mask(self, level: int, rows: slice, out: Tensor) -> Tensor:
        """1 for a positive, else 0, into float [rows, n]."""
        torch.eq(self.ids[level, rows, None], self.ids[level], out=out)
        out[:, rows].fill_diagonal_(0)
        return out

    def nearest(self, level: int, rows: slice, similarities: Tensor, out: Tensor) -> Tensor:
        """Similarities in float [rows, n], with others than positives moved up by 4, out of their range."""
        torch.ne(self.ids[level, rows, None], self.ids[level], out=out)
        out[:, rows].fill_diagonal_(1)
        return torch.add(similarities, out, alpha=4, out=out)


@dataclass(frozen=True)
class _Floors:
    """M_{h+1} per level, and the pair that sets it."""

    value: Tensor
    """float [H]; -inf where no finer level has a pair."""
    pair: Tensor
    """int64 [H, 3]: its level, anchor and positive."""


def _floors(positive: _Positives, lse: Tensor, tau: Tensor, passes: list[slice]) -> _Floors:
    """The worst pair of every level, accumulated from the finest to the coarsest."""
    levels = len(lse)
    worst = lse.new_full((levels,), -torch.inf)
    pair = torch.zeros(levels, 3, dtype=torch.int64, device=lse.device)
    pair[:, 0] = torch.arange(levels)
    for rows in passes:
        similarities = positive.similarities(rows)
        scratch = torch.empty_like(similarities)
        for h in range(1, levels):
            candidates = positive.nearest(h, rows, similarities, scratch)
            lowest = candidates.amin(dim=1)
            loss, anchor = torch.where(lowest < 2, lse[h, rows] - lowest / tau[h], -torch.inf).max(dim=0)
            other = candidates.index_select(0, anchor[None]).argmin()
            found = torch.stack([pair[h, 0], anchor + rows.start, other])
            pair[h] = torch.where(loss > worst[h], found, pair[h])
            worst[h] = torch.maximum(loss, worst[h])
    values, pairs = [worst.new_full((), -torch.inf)], [pair[-1]]
    for h in reversed(range(1, levels)):
        pairs.append(torch.where(worst[h] > values[-1], pair[h], pairs[-1]))
        values.append(torch.maximum(worst[h], values[-1]))
    return _Floors(torch.stack(values[::-1]), torch.stack(pairs[::-1]))


def _floored(
    problem: Problem, positive: _Positives, lse: Tensor, tau: Tensor, floors: _Floors, passes: list[slice]
) -> tuple[Tensor, Tensor, Tensor]:
    """L_h, float [H]; the weights b of the logarithms, float [H, n]; the gradient of all but these, float [n, D]."""
    v, valid, count = positive.v, problem.classes.valid, problem.classes.positives
    kappa = problem.share / count.clamp_min(1)
    pull = kappa * problem.weights[:, None]
    # A pair is above the floor where its similarity is below this.
    limit = torch.where(valid, tau * (lse - floors.value[:, None]), 2)
    losses, gradient = (problem.share * lse).sum(dim=1), torch.zeros_like(v)
    above = torch.zeros_like(lse)
    for rows in passes:
        similarities = positive.similarities(rows)
        mask, scratch, p = (torch.empty_like(similarities) for _ in range(3))
        p.zero_()
        for h in range(len(lse)):
            bound = limit[h, rows, None]
            positive.mask(h, rows, mask)
            attraction = torch.minimum(similarities, bound, out=scratch).mul_(mask).sum(dim=1)
            losses[h] -= torch.dot(kappa[h, rows], attraction) / tau[h, 0]
            torch.lt(similarities, bound, out=scratch).mul_(mask)
            above[h, rows] = scratch.sum(dim=1)
            p.addcmul_(scratch, pull[h, rows, None] / tau[h], value=-1)
        gradient[rows].addmm_(p, v)
        gradient.addmm_(p.T, v[rows])
    b = pull * above
    _lead(b, gradient, v, tau, floors, (pull * (count - above)).sum(dim=1))
    return losses, b, gradient


def _lead(b: Tensor, gradient: Tensor, v: Tensor, tau: Tensor, floors: _Floors, weight: Tensor) -> None:
    """Add the gradient of the pairs that set the floors, each with the weight [H] of the pairs that lie below it."""
    level, anchor, positive = floors.pair.T
    b.view(-1).index_add_(0, level * b.shape[1] + anchor, weight)
    strength = (weight / tau[level, 0])[:, None]
    gradient.index_add_(0, anchor, -strength * v[positive])
    gradient.index_add_(0, positive, -strength * v[anchor])
