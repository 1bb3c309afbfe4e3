"""Constant masks over dimensions, prepared for use at every step."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from hmlc_ray.objectives.contrast import hardware
from hmlc_ray.objectives.contrast.function import gradient_with_graph
from hmlc_ray.objectives.contrast.vectors import (
    ALIGNMENT,
    LevelVectors,
    Place,
    full_precision,
    unit_gradient,
    unit_vectors,
)


@dataclass(frozen=True)
class FeatureMasks:
    """Constant masks: levels with the same mask share their vectors, and a level reads only its own dimensions.

    Build it with `FeatureMasks.of` once per change of the masks: it looks at their values.
    """

    places: tuple[Place, ...]
    """Slot of the vectors, per level."""
    stacks: tuple[tuple[int, int], ...]
    """S and D_s of the vectors' stacks: masks that follow each other are stacked where they are filled up to one
    width, as all are on an accelerator."""
    columns: Tensor
    """The dimensions of one slot after the other, int64 [sum of S D_s], each filled up with any dimension."""
    weights: Tensor | None
    """The mask on those dimensions, float [sum of S D_s], 0 on what is filled up; None: all ones."""
    origins: Tensor
    """Position in `columns` of each dimension in each of its R slots, int64 [R D]."""
    shares: Tensor | None
    """The mask there, 0 where a dimension is in fewer slots, float [R D]; None: all ones."""

    @classmethod
    def of(cls, values: Tensor) -> FeatureMasks:
        """Prepare masks [H, D]."""
        device, width, together = values.device, values.shape[1], not hardware.on_cpu(values)
        values = values.detach().cpu()
        source = [next(k for k in range(h + 1) if torch.equal(values[k], values[h])) for h in range(len(values))]
        own = {h: values[h].nonzero().flatten() for h in sorted(set(source))}
        least = max(len(c) for c in own.values()) if together else 0
        filled = {h: functional.pad(c, (0, _rest(len(c), least)), value=width) for h, c in own.items()}
        runs = [list(run) for _, run in groupby(filled, key=lambda h: len(filled[h]))]
        places = {h: Place(k, slot, len(own[h])) for k, run in enumerate(runs) for slot, h in enumerate(run)}
        columns = torch.cat(list(filled.values()))
        weights = torch.cat([functional.pad(values, (0, 1))[h, c] for h, c in filled.items()])
        origins, shares = _origins(columns, weights, width)
        return cls(
            tuple(places[h] for h in source),
            tuple((len(run), len(filled[run[0]])) for run in runs),
            columns.clamp_max(width - 1).to(device),
            _unless_ones(weights, device),
            origins.to(device),
            _unless_ones(shares, device),
        )

    def split(self, chosen: Tensor) -> list[Tensor]:
        """Chosen columns [n, sum of S D_s] by stacks, float [n, S, D_s]."""
        parts = torch.split(chosen, [count * width for count, width in self.stacks], dim=1)
        return [part.view(len(part), *shape) for part, shape in zip(parts, self.stacks, strict=True)]

    def choose(self, rows: Tensor) -> Tensor:
        """Masked columns of rows [n, D], float [n, sum of S D_s]."""
        chosen = rows.index_select(1, self.columns)
        return chosen if self.weights is None else chosen.mul_(self.weights.to(rows.dtype))

    def spread(self, chosen: Tensor, width: int) -> Tensor:
        """The transpose of `choose`: [n, sum of S D_s] to [n, D]."""
        own = chosen.index_select(1, self.origins)
        if self.shares is not None:
            own.mul_(self.shares.to(own.dtype))
        return own if own.shape[1] == width else own.view(len(own), -1, width).sum(dim=1)

    def vectors(self, rows: Tensor) -> LevelVectors:
        """v^h of rows [n, D]: cut to the level's dimensions, masked and normalised."""
        rows = full_precision(rows)
        if torch.compiler.is_compiling():
            return LevelVectors(_masked(rows, self), self.places)
        return LevelVectors(_Masked.apply(rows, self), self.places)  # type: ignore[no-untyped-call]


def _masked(rows: Tensor, masks: FeatureMasks) -> tuple[Tensor, ...]:
    return tuple(unit_vectors(stack)[0] for stack in masks.split(masks.choose(rows)))


class _Masked(torch.autograd.Function):
    """The stacks of unit vectors, with their gradient in closed form."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, masks: FeatureMasks) -> tuple[Tensor, ...]:
        stacks = [unit_vectors(stack, in_place=True) for stack in masks.split(masks.choose(rows))]
        ctx.masks = masks
        ctx.save_for_backward(rows, *(tensor for stack in stacks for tensor in stack))
        return tuple(unit for unit, _ in stacks)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, None]:
        masks, (rows, *saved) = ctx.masks, ctx.saved_tensors
        if torch.is_grad_enabled():
            return gradient_with_graph(lambda rows: _masked(rows, masks), (rows,), gradients)[0], None
        parts = [unit_gradient(g, *saved[2 * k : 2 * k + 2]).flatten(1) for k, g in enumerate(gradients)]
        chosen = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        return masks.spread(chosen, rows.shape[1]), None


def _rest(count: int, least: int) -> int:
    """What fills a level's dimensions up to a multiple of `ALIGNMENT`, and to the width of the largest level."""
    filled = max(count, least)
    return filled + -filled % ALIGNMENT - count


def _unless_ones(values: Tensor, device: torch.device) -> Tensor | None:
    return None if bool((values == 1).all()) else values.to(device)


def _origins(columns: Tensor, weights: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Positions in `columns` of each dimension, and the weights there; both [R D], R the most."""
    ordered, order = columns.sort(stable=True)
    rank = torch.arange(len(columns)) - torch.searchsorted(ordered, ordered)
    ordered, order, rank = (values[ordered < width] for values in (ordered, order, rank))
    most = int(rank.max()) + 1
    origins, shares = torch.zeros(most, width, dtype=torch.int64), torch.zeros(most, width, dtype=weights.dtype)
    origins[rank, ordered], shares[rank, ordered] = order, weights[order]
    return origins.flatten(), shares.flatten()
