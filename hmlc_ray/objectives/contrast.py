"""The contrast at every level: the only place with exponentials and logarithms of similarities.

    l_i^h = -1/|P_h(i)| sum_{p in P_h(i)} [ v_i.v_p / tau_h - log sum_{a != i} omega_a^h exp(v_i.v_a / tau_h) ]
    L_h   = sum_i alpha_i^h l_i^h / sum_i alpha_i^h        over anchors i with a positive
    L     = sum_h w_h L_h / sum_h w_h

with P_h(i) = {p != i : y_p^h = y_i^h}. This is SupCon (arXiv 2004.11362, eq. 2) with anchor weights alpha and
denominator weights omega; both are 1 unless an imbalance mode says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hmlc_ray.objectives.base import LossReport


@dataclass(frozen=True)
class Prototypes:
    """Further columns of one level's denominator; they are no anchors, no positives, and get no gradient."""

    vectors: Tensor
    """float [C, D_h], unit rows in the level's space."""
    weights: Tensor
    """omega, float [C]; 0 leaves a column out."""


def level_contrast(
    vectors: Sequence[Tensor],
    labels: Tensor,
    *,
    temperatures: Sequence[float],
    weights: Tensor,
    anchor_weights: Tensor | None = None,
    column_weights: Tensor | None = None,
    prototypes: Sequence[Prototypes] | None = None,
    chunk: int | None = None,
) -> LossReport:
    """The weighted sum of the levels' contrasts.

    Args:
        vectors: per level v^h, float32 or float64 [n, D_h], rows of length at most 1. Levels that are given the same
            tensor object (and temperature) share their similarities.
        labels: int64 [n, H]; any integers, equal where rows are of one class.
        temperatures: tau per level.
        weights: w, float [H].
        anchor_weights: alpha, float [n, H]; None: ones.
        column_weights: omega, float [n, H]; None: ones.
        prototypes: per level, further columns of the denominator.
        chunk: rows per block; the memory for similarities is then linear in n. None: chosen for speed.

    Returns:
        The report; a level without a valid anchor counts as 0 and gets no gradient.
    """
    with torch.autocast(vectors[0].device.type, enabled=False):
        per_level, valid = [], []
        for h, v in enumerate(vectors):
            loss, count = _one_level(
                v,
                labels[:, h],
                temperatures[h],
                None if anchor_weights is None else anchor_weights[:, h],
                None if column_weights is None else column_weights[:, h],
                None if prototypes is None else prototypes[h],
            )
            per_level.append(loss)
            valid.append(count)
        stacked = torch.stack(per_level)
        weights = weights.to(stacked)
        total = (weights * stacked).sum() / weights.sum()
    return LossReport(total, stacked.detach(), torch.stack(valid))


def _one_level(
    v: Tensor, label: Tensor, tau: float, alpha: Tensor | None, omega: Tensor | None, prototypes: Prototypes | None
) -> tuple[Tensor, Tensor]:
    n = len(v)
    similarity = v @ v.T / tau
    self_pair = torch.eye(n, dtype=torch.bool, device=v.device)
    positive = (label[:, None] == label[None]) & ~self_pair
    columns = similarity if omega is None else similarity + omega.to(v).log()
    columns = columns.masked_fill(self_pair, float("-inf"))
    if prototypes is not None:
        columns = torch.cat([columns, v @ prototypes.vectors.T / tau + prototypes.weights.log()], dim=1)
    count = positive.sum(dim=1)
    valid = count > 0
    log_sum = torch.logsumexp(columns, dim=1).masked_fill(~valid, 0)
    anchor = log_sum - (similarity * positive).sum(dim=1) / count.clamp_min(1)
    alpha = valid.to(v) if alpha is None else alpha.to(v) * valid
    return (alpha * anchor).sum() / alpha.sum().clamp_min(torch.finfo(v.dtype).tiny), valid.sum()


def constrained_contrast(
    vectors: Sequence[Tensor],
    labels: Tensor,
    *,
    temperatures: Sequence[float],
    weights: Tensor,
    anchor_weights: Tensor | None = None,
    column_weights: Tensor | None = None,
    prototypes: Sequence[Prototypes] | None = None,
    chunk: int | None = None,
) -> LossReport:
    """As `level_contrast`, but a positive pair loses at least as much as the worst pair of any finer level.

    With l_ip^h = -[ v_i.v_p / tau_h - log sum_a ... ] the loss of a pair, level h (coarser levels come first) has
    l_i^h = 1/|P_h(i)| sum_p max(l_ip^h, M_{h+1}),  M_h = max(M_{h+1}, max_ip l_ip^h),  M_H = -inf.
    """
    with torch.autocast(vectors[0].device.type, enabled=False):
        per_level, valid = [], []
        largest = vectors[0].new_full((), float("-inf"))
        for h in reversed(range(len(vectors))):
            v, label, tau = vectors[h], labels[:, h], temperatures[h]
            n = len(v)
            similarity = v @ v.T / tau
            self_pair = torch.eye(n, dtype=torch.bool, device=v.device)
            positive = (label[:, None] == label[None]) & ~self_pair
            columns = similarity
            if column_weights is not None:
                columns = similarity + column_weights[:, h].to(v).log()
            columns = columns.masked_fill(self_pair, float("-inf"))
            if prototypes is not None:
                extra = v @ prototypes[h].vectors.T / tau + prototypes[h].weights.log()
                columns = torch.cat([columns, extra], dim=1)
            count = positive.sum(dim=1)
            ok = count > 0
            log_sum = torch.logsumexp(columns, dim=1)
            pair = (log_sum[:, None] - similarity).masked_fill(~positive, float("-inf"))
            floored = torch.where(positive, torch.maximum(pair, largest), 0).sum(dim=1) / count.clamp_min(1)
            largest = torch.maximum(largest, pair.amax())
            alpha = ok.to(v) if anchor_weights is None else anchor_weights[:, h].to(v) * ok
            per_level.append((alpha * floored).sum() / alpha.sum().clamp_min(torch.finfo(v.dtype).tiny))
            valid.append(ok.sum())
        stacked = torch.stack(per_level[::-1])
        weights = weights.to(stacked)
        total = (weights * stacked).sum() / weights.sum()
    return LossReport(total, stacked.detach(), torch.stack(valid[::-1]))
