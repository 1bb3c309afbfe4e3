"""The readable specification of the contrasts: differentiable operations on whole matrices, level by level.

This is what the other modules compute, said readably. It is slower and takes memory for several matrices per level, but
it can be differentiated as often as wanted and compiled without a break; `engine` uses it for both.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hmlc_ray.objectives.base import LossReport
from hmlc_ray.objectives.contrast.terms import LevelTerms
from hmlc_ray.objectives.contrast.vectors import LevelVectors


def level_contrast(vectors: LevelVectors, labels: Tensor, terms: LevelTerms) -> LossReport:
    """As `engine.level_contrast`."""
    levels = [_Level.of(vectors[h], labels[:, h], terms, h) for h in range(labels.shape[1])]
    return _report([level.loss(level.pairs) for level in levels], levels, terms)


def constrained_contrast(v: Tensor, labels: Tensor, terms: LevelTerms) -> LossReport:
    """As `engine.constrained_contrast`: M_h is the largest loss of a pair at level h or a finer one."""
    levels = [_Level.of(v, labels[:, h], terms, h) for h in range(labels.shape[1])]
    losses, floor = [], v.new_tensor(-torch.inf)
    for level in reversed(levels):
        losses.append(level.loss(torch.maximum(level.pairs, floor)))
        floor = torch.maximum(floor, level.largest())
    return _report(losses[::-1], levels, terms)


@dataclass(frozen=True)
class _Level:
    pairs: Tensor
    """-[ v_i.v_p / tau - log sum_{a != i} omega_a exp(v_i.v_a / tau) ], float [n, n]: what i loses with p."""
    positive: Tensor
    """bool [n, n]: p is a positive of i."""
    share: Tensor
    """alpha_i / sum alpha over anchors with a positive, 0 for the others; float [n]."""

    @classmethod
    def of(cls, v: Tensor, labels: Tensor, terms: LevelTerms, h: int) -> _Level:
        itself = torch.eye(len(v), dtype=torch.bool, device=v.device)
        logits = v @ v.T / terms.temperatures[h]
        log_sums = _log_sums(logits, v, itself, terms, h)
        positive = (labels[:, None] == labels) & ~itself
        alpha = positive.any(dim=1).to(v.dtype)
        if terms.anchor_weights is not None:
            alpha = alpha * terms.anchor_weights[:, h].to(v.dtype)
        share = alpha / alpha.sum().clamp_min(torch.finfo(v.dtype).tiny)
        return cls(log_sums[:, None] - logits, positive, share)

    def loss(self, pairs: Tensor) -> Tensor:
        """L_h: the mean of the pairs' losses over an anchor's positives, averaged over anchors."""
        mean = torch.where(self.positive, pairs, 0).sum(dim=1) / self.positive.sum(dim=1).clamp_min(1)
        return (self.share * mean).sum()

    def largest(self) -> Tensor:
        """The loss of the worst pair; -inf if there is none."""
        return torch.where(self.positive, self.pairs, -torch.inf).flatten().max(dim=0).values

    def valid(self) -> Tensor:
        """How many anchors have a positive."""
        return self.positive.any(dim=1).sum()


def _log_sums(logits: Tensor, v: Tensor, itself: Tensor, terms: LevelTerms, h: int) -> Tensor:
    """log sum_{a != i} omega_a exp(v_i.v_a / tau), prototypes included; finite for a row without columns."""
    if terms.columns is not None:
        logits = logits + terms.columns.batch[:, h].to(v.dtype).log()
    logits = logits.masked_fill(itself, torch.finfo(v.dtype).min)
    if terms.columns is not None and terms.columns.prototypes is not None:
        prototypes = terms.columns.prototypes[h]
        further = v @ prototypes.vectors.to(v.dtype).T / terms.temperatures[h]
        logits = torch.cat([logits, further + prototypes.weights.to(v.dtype).log()], dim=1)
    return logits.logsumexp(dim=1)


def _report(losses: list[Tensor], levels: list[_Level], terms: LevelTerms) -> LossReport:
    stacked = torch.stack(losses)
    factors = terms.factors(stacked.detach())
    return LossReport(stacked @ factors, stacked.detach(), torch.stack([level.valid() for level in levels]))
