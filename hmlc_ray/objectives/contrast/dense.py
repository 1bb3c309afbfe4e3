"""The contrast at every level on an accelerator: few large operations, each for all levels, on whole matrices.

What a step costs there is the number of operations, not their size, so that it is worth to compute a matrix twice over
(it is symmetric) or to find the sum over an anchor's positives as a product with a matrix of zeros and ones. Nothing
here waits for the device: no shape and no branch depends on values.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hmlc_ray.objectives.contrast import hardware
from hmlc_ray.objectives.contrast.blockwise import Group, groups_of, of_levels
from hmlc_ray.objectives.contrast.denominator import BOUND, LOG2_E
from hmlc_ray.objectives.contrast.function import Solution
from hmlc_ray.objectives.contrast.terms import LevelTerms
from hmlc_ray.objectives.contrast.vectors import LevelVectors

LARGEST = 2**27
"""Numbers in all matrices together above which blocks are used instead: 0.5 GB in float32."""
LARGEST_CHUNKED = 2**25
"""Where the caller asks for little memory by `chunk`."""


def suits(vectors: LevelVectors, terms: LevelTerms, per_level: int = 1) -> bool:
    """Whether to compute it this way: on an accelerator, with enough memory, and where exponentials cannot overflow.

    `per_level` is how many matrices each level takes besides the similarities of its slot.
    """
    stack = vectors.stacks[0]
    if hardware.on_cpu(stack) or 1 / min(terms.temperatures) > BOUND:
        return False
    matrices = len(set(vectors.places)) + per_level * len(vectors.places)
    return matrices * len(stack) ** 2 <= (LARGEST_CHUNKED if terms.chunk else LARGEST)


def solve(vectors: LevelVectors, labels: Tensor, terms: LevelTerms, differentiate: bool) -> Solution:
    """The losses of labels [n, H], and the gradient with respect to every stack of vectors."""
    positives = Positives.of(labels, terms.anchor_weights, vectors.stacks[0].dtype)
    parts = [Part(vectors, group, count, positives) for group, count in side_by_side(vectors, terms)]
    losses = joined([part.losses() for part in parts], [part.levels for part in parts])
    factors = terms.factors(losses)
    into = None
    if differentiate:
        b, pull = positives.share * factors[:, None], positives.pull * factors[:, None]
        into = _stacked([part.gradient(b, pull) for part in parts], parts, vectors)
    return Solution(losses @ factors, losses, positives.valid, into)


@dataclass(frozen=True)
class Positives:
    """Who is positive to whom at every level."""

    same: Tensor
    """1 where rows are of one class, 0 for a row with itself; float [H, n, n]."""
    count: Tensor
    """The number of positives, float [H, n]."""
    share: Tensor
    """alpha_i / sum alpha over valid anchors, float [H, n]."""
    pull: Tensor
    """The share divided by the number of positives, float [H, n]."""
    valid: Tensor
    """int64 [H]: anchors with a positive."""

    @classmethod
    def of(cls, labels: Tensor, anchor_weights: Tensor | None, dtype: torch.dtype) -> Positives:
        labels = labels.T
        same = (labels[:, :, None] == labels[:, None, :]).to(dtype)
        same.diagonal(dim1=1, dim2=2).zero_()
        count = same.sum(dim=2)
        alpha = count.clamp_max(1)
        valid = total = alpha.sum(dim=1)
        if anchor_weights is not None:
            alpha = alpha * anchor_weights.T.to(dtype)
            total = alpha.sum(dim=1)
        share = alpha / total.clamp_min(torch.finfo(dtype).tiny)[:, None]
        return cls(same, count, share, share / count.clamp_min(1), valid.long())


def side_by_side(vectors: LevelVectors, terms: LevelTerms) -> list[tuple[Group, int]]:
    """Groups of levels, with how many slots each takes: without omega, neighbours at neighbouring slots are one."""
    merged: list[tuple[Group, int]] = []
    for group in groups_of(vectors.places, terms, vectors.stacks[0].dtype):
        if merged and (last := merged[-1])[0].tau == group.tau and group.columns.batch is None:
            before, count = last
            is_next = before.place.stack == group.place.stack and before.place.slot + count == group.place.slot
            alone = len(before.levels) == count and len(group.levels) == 1
            if is_next and alone and before.levels[-1] + 1 == group.levels[0]:
                merged[-1] = (Group(before.levels + group.levels, before.place, group.tau, group.columns), count + 1)
                continue
        merged.append((group, 1))
    return merged


class Part:
    """L levels of one temperature, on one slot each, or all on the same slot; v is [S, n, D], S = L or S = 1."""

    def __init__(self, vectors: LevelVectors, group: Group, slots: int, positives: Positives) -> None:
        self.levels, self.tau, self.columns = group.levels, group.tau, group.columns
        self.place = (group.place.stack, slice(group.place.slot, group.place.slot + slots))
        self.v = vectors.stacks[group.place.stack][:, self.place[1]].transpose(0, 1)
        self.positives = positives

    def losses(self) -> Tensor:
        """L_h, float [L]."""
        share, pull = (of_levels(t, self.levels) for t in (self.positives.share, self.positives.pull))
        same = of_levels(self.positives.same, self.levels)
        self.others = torch.matmul(same, self.v[0]) if len(self.v) == 1 else torch.bmm(same, self.v)
        attraction = torch.linalg.vecdot(self.v, self.others)
        return torch.addcmul(share * self.log_sums(), pull, attraction, value=-1 / self.tau).sum(dim=1)

    def log_sums(self) -> Tensor:
        """log sum_{a != i} omega_a exp(v_i.v_a / tau), float [L, n] or [1, n]; of a row without columns, finite."""
        omega, extra = self.columns.batch, self.columns.extra
        self.e = self._exponentials(self.v)
        self.e.diagonal(dim1=1, dim2=2).zero_()
        sums = self.e.sum(dim=2) if omega is None else omega @ self.e[0]
        if extra is not None:
            q, psi = extra
            self.e_extra = self._exponentials(q[None])[0]
            sums = sums + psi @ self.e_extra.T
        self.sums = sums.clamp_min_(torch.finfo(sums.dtype).tiny)
        return self.sums.log()

    def _exponentials(self, columns: Tensor) -> Tensor:
        """exp(v_i.c_j / tau) for columns [S, m, D], float [S, n, m]."""
        unused = columns.new_empty(1, 1, 1)
        return torch.baddbmm(unused, self.v, columns.mT, beta=0, alpha=LOG2_E / self.tau).exp2_()

    def gradient(self, b: Tensor, pull: Tensor) -> Tensor:
        """With respect to v, from the weights [H, n] of the logarithms and of the sums over positives."""
        g = of_levels(b, self.levels)
        result = self.others.mul_(of_levels(pull, self.levels)[:, :, None])
        if len(self.v) < len(self.levels):
            result = result.sum(dim=0, keepdim=True)
            g = g.sum(dim=0, keepdim=True) if self.columns.batch is None else g
        g = g / self.sums
        # A row pulls as an anchor and, as much, as a positive of its class's other rows.
        result.baddbmm_(self.weighed(g), self.v, beta=-2 / self.tau, alpha=1 / self.tau)
        self._add_extra(g, result[0])
        return result

    def add_repulsion(self, b: Tensor, into: Tensor) -> None:
        """The gradient of the logarithms alone, of levels on one slot, to float [n, D]; b is their weights [H, n]."""
        g = of_levels(b, self.levels)
        g = (g.sum(dim=0, keepdim=True) if self.columns.batch is None else g) / self.sums
        into.addmm_(self.weighed(g)[0], self.v[0], alpha=1 / self.tau)
        self._add_extra(g, into)

    def _add_extra(self, g: Tensor, into: Tensor) -> None:
        if self.columns.extra is not None:
            q, psi = self.columns.extra
            into.addmm_(self.e_extra.mul_(g.T @ psi), q, alpha=1 / self.tau)

    def weighed(self, g: Tensor) -> Tensor:
        """W of `denominator`, float [S, n, n]; it overwrites e."""
        omega = self.columns.batch
        if omega is None:
            return self.e.mul_(g[:, :, None] + g[:, None, :])
        return self.e.mul_(torch.cat([g, omega]).T @ torch.cat([omega, g]))


def joined(parts: list[Tensor], levels: list[list[int]]) -> Tensor:
    """Values of some levels each, in the order of the levels."""
    if len(parts) == 1:
        return parts[0]
    by_level = {h: part[k] for part, own in zip(parts, levels, strict=True) for k, h in enumerate(own)}
    return torch.stack([by_level[h] for h in sorted(by_level)])


def _stacked(gradients: list[Tensor], parts: list[Part], vectors: LevelVectors) -> list[Tensor]:
    """The parts' gradients [S, n, D] in the form of the stacks [n, S, D]."""
    if len(parts) == len(vectors.stacks) == 1 and len(gradients[0]) == vectors.stacks[0].shape[1]:
        return [gradients[0].transpose(0, 1)]
    into = [torch.zeros_like(stack) for stack in vectors.stacks]
    for gradient, part in zip(gradients, parts, strict=True):
        stack, slots = part.place
        into[stack][:, slots] += gradient.transpose(0, 1)
    return into
