"""The constrained contrast on an accelerator: whole matrices of all levels' pairs, and no wait for the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hmlc_ray.objectives.contrast.dense import Part, Positives, joined, side_by_side
from hmlc_ray.objectives.contrast.function import Solution
from hmlc_ray.objectives.contrast.terms import LevelTerms
from hmlc_ray.objectives.contrast.vectors import LevelVectors

PER_LEVEL = 5
"""Matrices that a level takes."""


def solve(v: Tensor, labels: Tensor, terms: LevelTerms, differentiate: bool) -> Solution:
    """The floored losses of labels [n, H], and the gradient with respect to v [n, D]."""
    vectors, positives = LevelVectors.shared(v, labels.shape[1]), Positives.of(labels, terms.anchor_weights, v.dtype)
    parts = [Part(vectors, group, count, positives) for group, count in side_by_side(vectors, terms)]
    log_sums = joined([part.log_sums().expand(len(part.levels), -1) for part in parts], [p.levels for p in parts])
    tau = temperatures(terms, log_sums)
    pairs = log_sums[:, :, None] - (v @ v.T) / tau[:, :, None]
    floors = _Floors.of(pairs, positives.same)
    floor = floors.value[:, None, None]
    losses = (positives.pull * (torch.maximum(pairs, floor) * positives.same).sum(dim=2)).sum(dim=1)
    factors = terms.factors(losses)
    gradient = None
    if differentiate:
        pull = positives.pull * factors[:, None]
        above = (pairs > floor) * positives.same
        b, strength = _pulls(pull, above, positives.count, floors, tau)
        gradient = -((strength + strength.T) @ v)
        for part in parts:
            part.add_repulsion(b, gradient)
    return Solution(losses @ factors, losses, positives.valid, None if gradient is None else [gradient])


def temperatures(terms: LevelTerms, like: Tensor) -> Tensor:
    """float [H, 1], made on the device: a copy of numbers there would wait for it."""
    taus = terms.temperatures
    if len(set(taus)) == 1:
        return like.new_full((len(taus), 1), taus[0])
    return torch.cat([like.new_full((1, 1), tau) for tau in taus])


@dataclass(frozen=True)
class _Floors:
    """M_{h+1} per level, and the pair that sets it."""

    value: Tensor
    """float [H]; -inf where no finer level has a pair."""
    level: Tensor
    """int64 [H], of the pair; where there is none, any."""
    pair: Tensor
    """int64 [H]: n x its anchor + its positive."""

    @classmethod
    def of(cls, pairs: Tensor, same: Tensor) -> _Floors:
        """Floors from the losses of pairs and the mask of positives, both [H, n, n]."""
        worst, pair = pairs.masked_fill(same == 0, -torch.inf).flatten(1).max(dim=1)
        value, reverse = worst.flip(0).cummax(dim=0)
        level = (len(worst) - 1 - reverse).flip(0).roll(-1)
        none = value.new_full((1,), -torch.inf)
        return cls(torch.cat([value.flip(0)[1:], none]), level, pair[level])


def _pulls(pull: Tensor, above: Tensor, count: Tensor, floors: _Floors, tau: Tensor) -> tuple[Tensor, Tensor]:
    """The weights of the logarithms, float [H, n], and of the similarities, times -1, float [n, n].

    A pair below its floor hands its weight to the pair that set the floor.
    """
    n = pull.shape[1]
    counted = above.sum(dim=2)
    handed = (pull * (count - counted)).sum(dim=1)
    b, strength = pull * counted, (above * (pull / tau)[:, :, None]).sum(dim=0)
    b.view(-1).index_add_(0, floors.level * n + floors.pair // n, handed)
    strength.view(-1).index_add_(0, floors.pair, handed / tau[:, 0].index_select(0, floors.level))
    return b, strength
