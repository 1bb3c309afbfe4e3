"""From embeddings to the unit vectors that a level contrasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

EPSILON = 1e-6
"""Rows shorter than this are divided by it, not by their length: a zero row stays zero and its gradient finite."""


def full_precision(values: Tensor) -> Tensor:
    """The values in float32, or in float64 where they are that already; losses are never computed in less."""
    return values if values.dtype == torch.float64 else values.float()


def normalise(rows: Tensor) -> Tensor:
    """Rows of any finite length, float [n, D], to v = u / max(|u|, EPSILON)."""
    unit: Tensor = _Normalise.apply(rows)  # type: ignore[no-untyped-call]
    return unit


class _Normalise(torch.autograd.Function):
    """With its gradient in closed form, (g - v (v.g)) / |u|, which keeps little but v.

    Lengths are summed in float64, where squares of float32 numbers neither overflow nor vanish.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(rows, dim=-1, keepdim=True, dtype=torch.float64)
        divisor = length.clamp_min(EPSILON).to(rows.dtype)
        unit: Tensor = rows / divisor
        ctx.save_for_backward(unit, divisor, length > EPSILON)
        return unit

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        unit, divisor, turns = ctx.saved_tensors
        along = torch.linalg.vecdot(unit, gradient)[..., None] * turns
        result: Tensor = torch.addcmul(gradient, unit, along, value=-1).div_(divisor)
        return result


@dataclass(frozen=True)
class FeatureMasks:
    """Constant masks prepared for use: levels with the same mask share their vectors, and a level reads only its own
    dimensions.

    Build it with `FeatureMasks.of` once per change of the masks: it looks at their values.
    """

    values: Tensor
    """float [H, D] in [0, 1]."""
    source: tuple[int, ...]
    """Per level the first level with the same mask."""
    columns: tuple[Tensor | None, ...]
    """Per level the dimensions with a non-zero mask, int64 [D_h]; None: all."""
    weights: tuple[Tensor | None, ...]
    """Per level the mask on those dimensions, float [D_h]; None: all ones."""

    @classmethod
    def of(cls, values: Tensor) -> FeatureMasks:
        """Prepare masks [H, D]."""
        values = values.detach()
        source = tuple(next(k for k in range(h + 1) if torch.equal(values[k], values[h])) for h in range(len(values)))
        columns = tuple(None if bool((mask != 0).all()) else mask.nonzero().flatten() for mask in values)
        chosen = (mask if index is None else mask[index] for mask, index in zip(values, columns, strict=True))
        weights = tuple(None if bool((mask == 1).all()) else mask for mask in chosen)
        return cls(values, source, columns, weights)

    def __len__(self) -> int:
        return len(self.source)

    def apply(self, rows: Tensor, level: int) -> Tensor:
        """v^h of rows [n, D]: masked, cut to the level's dimensions and normalised, [n, D_h]."""
        columns, weights = self.columns[level], self.weights[level]
        rows = full_precision(rows)
        if columns is not None:
            rows = rows.index_select(1, columns)
        return normalise(rows if weights is None else rows * weights.to(rows.dtype))

    def vectors(self, rows: Tensor) -> tuple[Tensor, ...]:
        """v^h of every level; levels with the same mask get the same tensor, by which their similarities are shared."""
        own = {h: self.apply(rows, h) for h in sorted(set(self.source))}
        return tuple(own[h] for h in self.source)


def gated_vectors(rows: Tensor, gates: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """v^h of rows [n, D] under one gate per row and level, each [n, D]."""
    rows = full_precision(rows)
    return tuple(normalise(rows * gate) for gate in gates)


def bounded(rows: Tensor) -> Tensor:
    """Rows clipped to +-1e6, so that a linear layer cannot overflow; no trained embedding comes near."""
    return rows.clamp(-1e6, 1e6)
