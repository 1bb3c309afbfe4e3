"""The entry points: the contrast at every level, computed in the way that suits the device.

    l_i^h = -1/|P_h(i)| sum_{p in P_h(i)} [ v_i.v_p / tau_h - log sum_{a != i} omega_a^h exp(v_i.v_a / tau_h) ]
    L_h   = sum_i alpha_i^h l_i^h / sum_i alpha_i^h        over anchors i with a positive
    L     = sum_h w_h L_h / sum_h w_h

with P_h(i) = {p != i : y_p^h = y_i^h}. This is SupCon (arXiv 2004.11362, eq. 2) with anchor weights alpha and
denominator weights omega; both are 1 unless an imbalance mode says otherwise.

`plain` says the same in a few differentiable lines. `blockwise` is for CPUs and for little memory, `dense` for
accelerators. Both compute the gradient in closed form during the forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hmlc_ray.objectives.base import LossReport
from hmlc_ray.objectives.contrast import blockwise, constrained, dense, dense_constrained, plain
from hmlc_ray.objectives.contrast.function import Solution, in_closed_form, without_autocast
from hmlc_ray.objectives.contrast.terms import LevelTerms
from hmlc_ray.objectives.contrast.vectors import LevelVectors, full_precision, normalise


def level_contrast(vectors: LevelVectors, labels: Tensor, terms: LevelTerms) -> LossReport:
    """The weighted sum of the levels' contrasts.

    Args:
        vectors: v^h. Levels of the same slot (and the same temperature) share their similarities.
        labels: int64 [n, H]; any integers, equal where rows are of one class.
        terms: temperatures and weights.

    Returns:
        The report; a level without a valid anchor counts as 0 and gets no gradient.
    """

    def solve(stacks: Sequence[Tensor], differentiate: bool) -> Solution:
        way = dense.solve if dense.suits(vectors, terms) else blockwise.solve
        return way(LevelVectors(tuple(stacks), vectors.places), labels, terms, differentiate)

    def specification(stacks: Sequence[Tensor]) -> LossReport:
        return plain.level_contrast(LevelVectors(tuple(stacks), vectors.places), labels, terms)

    with without_autocast(labels):
        if torch.compiler.is_compiling():
            return specification(vectors.stacks)
        return in_closed_form(solve, specification, vectors.stacks)


def constrained_contrast(v: Tensor, labels: Tensor, terms: LevelTerms) -> LossReport:
    """The weighted sum of the levels' contrasts, each floored by the finer ones (see `constrained`).

    Args:
        v: float32 or float64 [n, D], rows of length at most 1, for all levels.
        labels: int64 [n, H], coarsest first.
        terms: temperatures and weights.

    Returns:
        The report; `per_level` holds the floored losses.
    """

    def solve(rows: Sequence[Tensor], differentiate: bool) -> Solution:
        on_all = LevelVectors.shared(rows[0], labels.shape[1])
        suits = dense.suits(on_all, terms, dense_constrained.PER_LEVEL)
        way = dense_constrained.solve if suits else constrained.solve
        return way(rows[0], labels, terms, differentiate)

    def specification(rows: Sequence[Tensor]) -> LossReport:
        return plain.constrained_contrast(rows[0], labels, terms)

    with without_autocast(labels):
        if torch.compiler.is_compiling():
            return specification((v,))
        return in_closed_form(solve, specification, (v,))


def contrast_one(embeddings: Tensor, labels: Tensor, temperature: float, chunk: int | None) -> LossReport:
    """SupCon of embeddings [n, D] under one labelling [n]; the report has one level."""
    unit = normalise(full_precision(embeddings))
    terms = LevelTerms((temperature,), unit.new_ones(1), chunk=chunk)
    return level_contrast(LevelVectors.shared(unit, 1), labels[:, None], terms)
