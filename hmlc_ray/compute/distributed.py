"""Rows and values across the workers of one process group; the only importer of `torch.distributed`.

Without an initialised process group, or in a group of one, every function leaves its input as it is.

Why `all_gather_rows` multiplies its backward by the world size R: every rank gathers the same global batch
x = (x_1, ..., x_R) and computes the same loss L(x) from it, so every rank already holds all of dL/dx and no
communication is needed to take its own slice dL/dx_r. DistributedDataParallel then averages parameter gradients
over ranks. Row x_r depends on the parameters t through rank r alone, so

    mean_r [ R * dL/dx_r * dx_r/dt ] = sum_r dL/dx_r * dx_r/dt = dL/dt,

the gradient that a single process gets on the whole batch. A parameter that acts after the gather (inside an
objective) has the full gradient on every rank, and the mean leaves it as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


def is_distributed() -> bool:
    """Whether a process group of more than one worker is running."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def rank() -> int:
    """This worker's number, 0 without a process group."""
    return dist.get_rank() if is_distributed() else 0


def world_size() -> int:
    """The number of workers, 1 without a process group."""
    return dist.get_world_size() if is_distributed() else 1


def gather_counts(num_rows: int, device: torch.device | str = "cpu") -> tuple[int, ...]:
    """The number of rows on every rank, in rank order.

    Args:
        num_rows: this rank's number of rows.
        device: where the group's backend communicates (a GPU for NCCL).
    """
    if not is_distributed():
        return (num_rows,)
    mine = torch.tensor([num_rows], dtype=torch.int64, device=device)
    counts = [torch.empty_like(mine) for _ in range(world_size())]
    dist.all_gather(counts, mine)
    return tuple(torch.cat(counts).tolist())


def all_gather_rows(x: Tensor, counts: Sequence[int] | None = None) -> Tensor:
    """The rows of all ranks in rank order; with gradient for floating point, exact under DDP's averaging.

    Valid where every rank then computes the same loss from the gathered rows (see the module's docstring).

    Args:
        x: [n_r, ...], any number of rows per rank, the same trailing shape and dtype on all.
        counts: n_r of every rank, from `gather_counts`; gathered here if not given.

    Returns:
        [sum of n_r, ...]
    """
    if not is_distributed():
        return x
    counts = tuple(counts) if counts is not None else gather_counts(len(x), x.device)
    if x.requires_grad:
        return cast(Tensor, _GatherRows.apply(x, counts))  # type: ignore[no-untyped-call]
    return _gather(x, counts)


def broadcast_from_rank0(x: Tensor) -> Tensor:
    """Rank 0's values, written into `x` in place on every rank, and returned."""
    if is_distributed():
        dist.broadcast(x, src=0)
    return x


def broadcast_object(value: T) -> T:
    """Rank 0's value on every rank, pickled on the way: for small, trusted objects such as a dict of numbers."""
    if not is_distributed():
        return value
    box: list[Any] = [value]
    dist.broadcast_object_list(box, src=0)
    return cast(T, box[0])


class _GatherRows(torch.autograd.Function):
    """Gathers forward; backward, R times the local slice of the incoming gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, counts: tuple[int, ...]) -> Tensor:
        start = sum(counts[: rank()])
        ctx.rows = slice(start, start + len(x))
        return _gather(x, counts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return grads[0][ctx.rows] * world_size(), None


def _gather(x: Tensor, counts: tuple[int, ...]) -> Tensor:
    """Backends gather equal shapes only, so short ranks are padded and the padding is cut off again."""
    padded = x.new_zeros((max(counts), *x.shape[1:]))
    padded[: len(x)] = x
    parts = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(parts, padded)
    return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])
