"""Constant masks over dimensions, prepared for use at every step."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from hmlc_ray.objectives.contrast.vectors import (
    ALIGNMENT,
    LevelVectors,
    Place,
    full_precision,
    outside_graphs,
    unit_gradient,
    unit_vectors,
)


@dataclass(frozen=True)
class FeatureMasks:
    """Constant masks: levels with the same mask share their vectors, and a level reads only its own dimensions.

    Build it with `FeatureMasks.of` once per change of the masks: it looks at their values.
    """

    places: tuple[Place, ...]
    """Per level, where its vectors stand."""
    stacks: tuple[tuple[int, int], ...]
    """S and D_s of the vectors' stacks: masks that follow each other stand together where they are filled up to one
    width."""
    columns: Tensor
    """The dimensions of one place after the other, int64 [sum of S D_s]; D stands for a column of zeros, with which
    each is filled up to a multiple of `ALIGNMENT`."""
    weights: Tensor | None
    """The mask on those dimensions, float [sum of S D_s]; None: all ones."""
    origin: Tensor | None
    """Where in `columns` each dimension stands, int64 [D]; None if not every dimension stands there exactly once."""

    @classmethod
    @outside_graphs
    def of(cls, values: Tensor) -> FeatureMasks:
        """Prepare masks [H, D]."""
        values = values.detach()
        source = [next(k for k in range(h + 1) if torch.equal(values[k], values[h])) for h in range(len(values))]
        own = {h: values[h].nonzero().flatten() for h in sorted(set(source))}
        filled = {h: functional.pad(c, (0, -len(c) % ALIGNMENT), value=values.shape[1]) for h, c in own.items()}
        runs = [list(run) for _, run in groupby(filled, key=lambda h: len(filled[h]))]
        places = {h: Place(k, slot, len(own[h])) for k, run in enumerate(runs) for slot, h in enumerate(run)}
        columns = torch.cat(list(filled.values()))
        weights = torch.cat([_with_zeros(values)[h, c] for h, c in filled.items()])
        binary = bool((values == (values != 0)).all())
        return cls(
            tuple(places[h] for h in source),
            tuple((len(run), len(filled[run[0]])) for run in runs),
            columns,
            None if binary else weights,
            _origin(columns, values.shape[1]),
        )

    def split(self, chosen: Tensor) -> list[Tensor]:
        """Chosen columns [n, sum of S D_s] by stacks, float [n, S, D_s]."""
        parts = torch.split(chosen, [count * width for count, width in self.stacks], dim=1)
        return [part.view(len(part), *shape) for part, shape in zip(parts, self.stacks, strict=True)]

    def spread(self, chosen: Tensor, width: int) -> Tensor:
        """The transpose of choosing columns: [n, sum of S D_s] to [n, D]."""
        if self.origin is not None:
            return chosen.index_select(1, self.origin)
        return chosen.new_zeros(len(chosen), width + 1).index_add_(1, self.columns, chosen)[:, :-1]

    @outside_graphs
    def vectors(self, rows: Tensor) -> LevelVectors:
        """v^h of rows [n, D]: cut to the level's dimensions, masked and normalised."""
        return LevelVectors(_Masked.apply(full_precision(rows), self), self.places)  # type: ignore[no-untyped-call]

    def apply(self, rows: Tensor, level: int) -> Tensor:
        """v^h of one level, without gradient."""
        with torch.no_grad():
            return self.vectors(rows)[level]


class _Masked(torch.autograd.Function):
    """The stacks of unit vectors."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, masks: FeatureMasks) -> tuple[Tensor, ...]:
        chosen = _with_zeros(rows).index_select(1, masks.columns)
        if masks.weights is not None:
            chosen *= masks.weights.to(rows.dtype)
        ctx.masks, ctx.width = masks, rows.shape[1]
        stacks = [unit_vectors(stack, in_place=True) for stack in masks.split(chosen)]
        ctx.save_for_backward(*(tensor for stack in stacks for tensor in stack))
        return tuple(unit for unit, _, _ in stacks)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        masks, saved = ctx.masks, ctx.saved_tensors
        parts = [unit_gradient(g, *saved[3 * k : 3 * k + 3]).flatten(1) for k, g in enumerate(gradients)]
        chosen = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        if masks.weights is not None:
            chosen *= masks.weights.to(chosen.dtype)
        return masks.spread(chosen, ctx.width), None


def _origin(columns: Tensor, width: int) -> Tensor | None:
    """Where 0 .. width - 1 stand in `columns`, if each stands there once."""
    ordered, order = columns.sort(stable=True)
    own = ordered < width
    return order[own] if torch.equal(ordered[own], torch.arange(width).to(columns)) else None


def _with_zeros(rows: Tensor) -> Tensor:
    """A column of zeros appended."""
    return functional.pad(rows, (0, 1))
