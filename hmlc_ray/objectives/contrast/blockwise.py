"""The contrast at every level in blocks of rows that stay in a CPU's cache, or in the memory that a caller allows.

Levels with the same vectors and temperature share their similarities, and without omega even the logarithm. The
positives need no matrix, since sum_p v_i.v_p = v_i.(s - v_i) with s the sum over the anchor's class. One matrix of
similarities is alive at a time, however many levels there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from hmlc_ray.objectives.contrast.denominator import Blocks, Columns, Denominator, denominator
from hmlc_ray.objectives.contrast.function import Solution
from hmlc_ray.objectives.contrast.positives import Classes
from hmlc_ray.objectives.contrast.terms import ColumnWeights, LevelTerms
from hmlc_ray.objectives.contrast.vectors import LevelVectors, Place


def solve(vectors: LevelVectors, labels: Tensor, terms: LevelTerms, differentiate: bool) -> Solution:
    """The losses of labels [n, H], and the gradient with respect to every stack of vectors."""
    classes = Classes.of(labels)
    share = classes.anchor_shares(terms.anchor_weights, vectors.stacks[0].dtype)
    # Factors that follow from the losses are known only when every logarithm is.
    factors = None if terms.choose else terms.factors(share)
    into = [torch.zeros_like(stack) for stack in vectors.stacks] if differentiate else None
    contrast = _Contrast(vectors, classes, share, terms.chunk, into)
    groups = groups_of(vectors.places, terms, share.dtype)
    log_sums, waiting = contrast.repulsion(groups, factors)
    attraction, pulls = contrast.attraction(_runs(vectors.places, terms), factors)
    losses = (share * (log_sums - attraction)).sum(dim=1)
    if factors is None:
        factors = terms.factors(losses)
        if into is not None:
            contrast.add_repulsion(groups, waiting, factors)
            contrast.add_attraction(pulls, factors)
    return Solution(losses @ factors, losses, classes.valid.sum(dim=1), into)


@dataclass(frozen=True)
class Group:
    """Levels that share their similarities."""

    levels: list[int]
    place: Place
    tau: float
    columns: Columns

    def merged(self, b: Tensor) -> Tensor:
        """The weights [H, n] of the levels' logarithms for those that the denominator has: one, or one per level."""
        own = of_levels(b, self.levels)
        return own if len(own) == 1 or self.columns.batch is not None else own.sum(dim=0, keepdim=True)


def of_levels(values: Tensor, levels: Sequence[int]) -> Tensor:
    """Some levels of values [H, ...]. A tensor of indices would have to be copied to the device first."""
    first, count = levels[0], len(levels)
    if tuple(levels) == tuple(range(first, first + count)):
        return values[first : first + count]
    return torch.stack([values[h] for h in levels])


class _Run(NamedTuple):
    """Neighbouring levels of one temperature whose vectors are adjacent."""

    levels: slice
    place: Place
    """Slot of the first level."""
    tau: float


class _Pull(NamedTuple):
    """The sums over positives of a run's levels."""

    run: _Run
    others: Tensor
    """float [n, levels, D]."""


def groups_of(places: Sequence[Place], terms: LevelTerms, dtype: torch.dtype) -> list[Group]:
    """Levels by the vectors and the temperature that they share."""
    sharing: dict[tuple[Place, float], list[int]] = {}
    for h, key in enumerate(zip(places, terms.temperatures, strict=True)):
        sharing.setdefault(key, []).append(h)
    return [
        Group(levels, place, tau, _columns(levels, terms.columns, dtype)) for (place, tau), levels in sharing.items()
    ]


def _runs(places: Sequence[Place], terms: LevelTerms) -> list[_Run]:
    """Runs of levels, of one level each where the caller asks for little memory."""
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
    """Columns of K levels that share vectors; a prototype counts at its own level only."""
    if columns is None:
        return Columns()
    omega = of_levels(columns.batch.T, levels).to(dtype)
    if columns.prototypes is None:
        return Columns(omega)
    own = [columns.prototypes[h] for h in levels]
    psi: Tensor = torch.block_diag(*(p.weights for p in own))  # type: ignore[no-untyped-call]
    q = torch.cat([prototypes.vectors for prototypes in own]).to(dtype)
    return Columns(omega, (q, psi.to(dtype)))


@dataclass(frozen=True)
class _Contrast:
    vectors: LevelVectors
    classes: Classes
    share: Tensor
    """alpha_i / sum alpha over valid anchors, float [H, n]."""
    chunk: int | None
    into: list[Tensor] | None
    """The gradients, of the stacks' shapes, to which is added; None: none is wanted."""

    def repulsion(self, groups: list[Group], factors: Tensor | None) -> tuple[Tensor, list[Denominator]]:
        """log sum_{a != i} omega_a exp(v_i.v_a / tau), float [H, n].

        With factors the gradient of its part is added; without, what computes it later is returned.
        """
        log_sums, waiting = torch.empty_like(self.share), []
        blocks = Blocks(
            self.vectors.stacks[0], self.chunk, keep=self.into is not None and (factors is not None or len(groups) == 1)
        )
        for group in groups:
            v = self.vectors.stacks[group.place.stack][:, group.place.slot]
            sums = denominator(v, group.tau, group.columns, blocks, group.place.width)
            own = sums.log_sums()
            for h, lse in zip(group.levels, own.expand(len(group.levels), -1), strict=True):
                log_sums[h] = lse
            if factors is None:
                waiting.append(sums)
            elif self.into is not None:
                self.add_repulsion([group], [sums], factors)
        return log_sums, waiting

    def add_repulsion(self, groups: list[Group], denominators: list[Denominator], factors: Tensor) -> None:
        """The gradient of the logarithms."""
        assert self.into is not None
        b = self.share * factors[:, None]
        for group, own in zip(groups, denominators, strict=True):
            own.add_gradient(group.merged(b), self.into[group.place.stack][:, group.place.slot])

    def attraction(self, runs: list[_Run], factors: Tensor | None) -> tuple[Tensor, list[_Pull]]:
        """The mean of v_i.v_p / tau over the positives p, float [H, n]; else as `repulsion`."""
        parts, pulls = [], []
        for run in runs:
            v = self._side_by_side(self.vectors.stacks, run)
            pull = _Pull(run, self.classes.others(v, run.levels.start))
            parts.append(torch.linalg.vecdot(v, pull.others).T.div_(run.tau))
            if factors is None:
                pulls.append(pull)
            elif self.into is not None:
                self.add_attraction([pull], factors)
        mean = parts[0] if len(parts) == 1 else torch.cat(parts)
        return mean.div_(self.classes.positives.clamp_min(1)), pulls

    def add_attraction(self, pulls: list[_Pull], factors: Tensor) -> None:
        """The gradient of the means: a row pulls as an anchor and, as much, as a positive of its class's other rows."""
        assert self.into is not None
        strength = self.share * factors[:, None] / self.classes.positives.clamp_min(1)
        for run, others in pulls:
            own = strength[run.levels].T.unsqueeze(2)
            self._side_by_side(self.into, run).addcmul_(others, own, value=-2 / run.tau)

    @staticmethod
    def _side_by_side(stacks: Sequence[Tensor], run: _Run) -> Tensor:
        slots = slice(run.place.slot, run.place.slot + run.levels.stop - run.levels.start)
        return stacks[run.place.stack][:, slots]
