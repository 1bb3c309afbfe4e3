"""From embeddings to the unit vectors that a level contrasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hmlc_ray.objectives.contrast.function import gradient_with_graph

EPSILON = 1e-6
"""Rows shorter than this are divided by it, not by their length: a zero row stays zero and its gradient finite."""
ALIGNMENT = 16
"""Vectors are filled up with zeros to a multiple of this many numbers, which matrix kernels multiply much faster."""


def full_precision(values: Tensor) -> Tensor:
    """The values in float32, or in float64 where they are that already; losses are never computed in less."""
    return values if values.dtype == torch.float64 else values.float()


def normalise(rows: Tensor) -> Tensor:
    """Rows of any finite length, float [..., D], to v = u / max(|u|, EPSILON)."""
    if torch.compiler.is_compiling():
        return _normalised(rows)
    unit: Tensor = _Normalise.apply(rows)  # type: ignore[no-untyped-call]
    return unit


def _normalised(rows: Tensor) -> Tensor:
    return unit_vectors(rows)[0]


class _Normalise(torch.autograd.Function):
    """With its gradient in closed form, which keeps little but v."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        unit, divisor = unit_vectors(rows)
        ctx.save_for_backward(rows, unit, divisor)
        return unit

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor | None:
        rows, unit, divisor = ctx.saved_tensors
        if torch.is_grad_enabled():
            return gradient_with_graph(_normalised, (rows,), gradient)[0]
        return unit_gradient(gradient, unit, divisor)


def unit_vectors(rows: Tensor, in_place: bool = False) -> tuple[Tensor, Tensor]:
    """The unit vectors v, and the divisors of the rows.

    Lengths are summed in float64, where squares of float32 numbers neither overflow nor vanish.
    """
    length = torch.linalg.vector_norm(rows, dim=-1, keepdim=True, dtype=torch.float64)
    divisor = length.clamp_min(EPSILON).to(rows.dtype)
    return rows.div_(divisor) if in_place else rows / divisor, divisor


def unit_gradient(gradient: Tensor, unit: Tensor, divisor: Tensor) -> Tensor:
    """(g - v (v.g)) / |u|, from g; a short row grows with u instead of turning, so that it gets g / EPSILON."""
    along = torch.linalg.vecdot(unit, gradient)[..., None] * (divisor > EPSILON)
    return torch.addcmul(gradient, unit, along, value=-1).div_(divisor)


@dataclass(frozen=True)
class Place:
    """The slot of a level's vectors."""

    stack: int
    slot: int
    width: int
    """How many of a vector's numbers are its own; what follows, if anything, is zeros to fill it up."""


@dataclass(frozen=True)
class LevelVectors:
    """v^h, the rows that each level contrasts, of length at most 1."""

    stacks: tuple[Tensor, ...]
    """float32 or float64 [n, S, D_s]: vectors side by side, filled up to one width, for what treats all at once."""
    places: tuple[Place, ...]
    """Slot per level; levels of the same slot have the same vectors, and share what is computed of them."""

    @classmethod
    def shared(cls, unit: Tensor, levels: int) -> LevelVectors:
        """All levels contrast [n, D]."""
        return cls((unit[:, None],), (Place(0, 0, unit.shape[1]),) * levels)

    @classmethod
    def stacked(cls, unit: Tensor) -> LevelVectors:
        """Each level contrasts its own, [n, H, D]."""
        return cls((unit,), tuple(Place(0, h, unit.shape[2]) for h in range(unit.shape[1])))

    def __getitem__(self, level: int) -> Tensor:
        """v^h, float [n, D_h], with what is filled up."""
        place = self.places[level]
        return self.stacks[place.stack][:, place.slot]


def bounded(rows: Tensor) -> Tensor:
    """Rows clipped to +-1e6, so that a linear layer cannot overflow; no trained embedding comes near."""
    return rows.clamp(-1e6, 1e6)
