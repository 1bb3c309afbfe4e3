"""From embeddings to the unit vectors that a level contrasts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from itertools import groupby
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

P = ParamSpec("P")
R = TypeVar("R")
EPSILON = 1e-6
"""Rows shorter than this are divided by it, not by their length: a zero row stays zero and its gradient finite."""
ALIGNMENT = 16
"""Vectors are filled up with zeros to a multiple of this many numbers, which matrix kernels multiply much faster."""


def outside_graphs(function: Callable[P, R]) -> Callable[P, R]:
    """`torch.compile` calls the function as it is, between its graphs: memory used again gains nothing from a compiler.

    The compiler is not loaded before it is used.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if not torch.compiler.is_dynamo_compiling():
            return function(*args, **kwargs)
        torch._dynamo.graph_break()
        plain: Callable[P, R] = torch.compiler.disable(function)  # type: ignore[no-untyped-call]
        return plain(*args, **kwargs)

    return call


def full_precision(values: Tensor) -> Tensor:
    """The values in float32, or in float64 where they are that already; losses are never computed in less."""
    return values if values.dtype == torch.float64 else values.float()


def normalise(rows: Tensor) -> Tensor:
    """Rows of any finite length, float [n, D], to v = u / max(|u|, EPSILON)."""
    unit: Tensor = _Normalise.apply(rows)  # type: ignore[no-untyped-call]
    return unit


class _Normalise(torch.autograd.Function):
    """With its gradient in closed form, which keeps little but v."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        unit, divisor, turns = unit_vectors(rows)
        ctx.save_for_backward(unit, divisor, turns)
        return unit

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return unit_gradient(gradient, *ctx.saved_tensors)


def unit_vectors(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """v, what the rows were divided by, and whether v turns with them (a short row grows as well).

    Lengths are summed in float64, where squares of float32 numbers neither overflow nor vanish.
    """
    length = torch.linalg.vector_norm(rows, dim=-1, keepdim=True, dtype=torch.float64)
    divisor = length.clamp_min(EPSILON).to(rows.dtype)
    return rows / divisor, divisor, length > EPSILON


def unit_gradient(gradient: Tensor, unit: Tensor, divisor: Tensor, turns: Tensor) -> Tensor:
    """(g - v (v.g)) / |u|, from g."""
    along = torch.linalg.vecdot(unit, gradient)[..., None] * turns
    return torch.addcmul(gradient, unit, along, value=-1).div_(divisor)


@dataclass(frozen=True)
class FeatureMasks:
    """Constant masks prepared for use: levels with the same mask share their vectors, and a level reads only its own
    dimensions.

    Build it with `FeatureMasks.of` once per change of the masks: it looks at their values.
    """

    source: tuple[int, ...]
    """Per level the first level with the same mask."""
    columns: Tensor
    """The dimensions of one such level after the other, int64 [sum of D_h]; D stands for a column of zeros, with which
    each level is filled up to a multiple of `ALIGNMENT`."""
    spans: dict[int, slice]
    """Where in `columns` a level's dimensions stand."""
    weights: Tensor | None
    """The mask on those dimensions, float [sum of D_h]; None: all ones."""
    places: Tensor | None
    """Where in `columns` each dimension stands, int64 [D]; None if not every dimension stands there exactly once."""

    @classmethod
    def of(cls, values: Tensor) -> FeatureMasks:
        """Prepare masks [H, D]."""
        values = values.detach()
        source = tuple(next(k for k in range(h + 1) if torch.equal(values[k], values[h])) for h in range(len(values)))
        columns, spans, start = [], {}, 0
        for h in sorted(set(source)):
            own = values[h].nonzero().flatten()
            columns.append(functional.pad(own, (0, -len(own) % ALIGNMENT), value=values.shape[1]))
            spans[h] = slice(start, start + len(columns[-1]))
            start = spans[h].stop
        level = torch.tensor([h for h, own in zip(spans, columns, strict=True) for _ in own]).to(values.device)
        every = torch.cat(columns)
        weights = _with_zeros(values)[level, every]
        binary = bool((values == (values != 0)).all())
        return cls(source, every, spans, None if binary else weights, _places(every, values.shape[1]))

    def __len__(self) -> int:
        return len(self.source)

    def split(self, chosen: Tensor) -> list[Tensor]:
        """Chosen columns [n, sum of D_h] as float [n, levels, D_h]: neighbouring levels of one width stay together."""
        widths = [len(list(same)) * [width] for width, same in groupby(s.stop - s.start for s in self.spans.values())]
        parts = torch.split(chosen, [sum(run) for run in widths], dim=1)
        return [part.view(len(part), len(run), run[0]) for part, run in zip(parts, widths, strict=True)]

    def spread(self, chosen: Tensor, width: int) -> Tensor:
        """The transpose of choosing columns: [n, sum of D_h] to [n, D]."""
        if self.places is not None:
            return chosen.index_select(1, self.places)
        return chosen.new_zeros(len(chosen), width + 1).index_add_(1, self.columns, chosen)[:, :-1]

    @outside_graphs
    def vectors(self, rows: Tensor) -> tuple[Tensor, ...]:
        """v^h of rows [n, D] per level, [n, D_h]: cut to the level's dimensions, masked and normalised.

        Levels with the same mask get the same tensor, by which their similarities are shared.
        """
        own = dict(zip(self.spans, _Masked.apply(full_precision(rows), self), strict=True))  # type: ignore[no-untyped-call]
        return tuple(own[h] for h in self.source)

    def apply(self, rows: Tensor, level: int) -> Tensor:
        """v^h of one level, without gradient."""
        with torch.no_grad():
            return self.vectors(rows)[level]


class _Masked(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, masks: FeatureMasks) -> tuple[Tensor, ...]:
        chosen = _with_zeros(rows).index_select(1, masks.columns)
        if masks.weights is not None:
            chosen *= masks.weights.to(rows.dtype)
        ctx.masks, ctx.width = masks, rows.shape[1]
        runs = [unit_vectors(run) for run in masks.split(chosen)]
        ctx.save_for_backward(*(tensor for run in runs for tensor in run))
        return tuple(v for unit, _, _ in runs for v in unit.unbind(1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        masks, saved, done, parts = ctx.masks, ctx.saved_tensors, 0, []
        for k in range(0, len(saved), 3):
            levels = saved[k].shape[1]
            own = torch.stack(gradients[done : done + levels], dim=1)
            parts.append(unit_gradient(own, *saved[k : k + 3]).flatten(1))
            done += levels
        chosen = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        if masks.weights is not None:
            chosen *= masks.weights.to(chosen.dtype)
        return masks.spread(chosen, ctx.width), None


def _places(columns: Tensor, width: int) -> Tensor | None:
    """Where 0 .. width - 1 stand in `columns`, if each stands there once."""
    ordered, order = columns.sort(stable=True)
    own = ordered < width
    return order[own] if torch.equal(ordered[own], torch.arange(width).to(columns)) else None


def _with_zeros(rows: Tensor) -> Tensor:
    """A column of zeros appended."""
    return functional.pad(rows, (0, 1))


def bounded(rows: Tensor) -> Tensor:
    """Rows clipped to +-1e6, so that a linear layer cannot overflow; no trained embedding comes near."""
    return rows.clamp(-1e6, 1e6)
