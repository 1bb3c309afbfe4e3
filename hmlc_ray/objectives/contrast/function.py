"""A contrast whose gradient is computed in the forward pass, in closed form, and only scaled in the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from hmlc_ray.objectives.base import LossReport


@dataclass(frozen=True)
class Solution:
    """A contrast's losses and its gradient."""

    total: Tensor
    losses: Tensor
    """float [H]."""
    valid: Tensor
    """int64 [H]: anchors with a positive."""
    gradients: Sequence[Tensor] | None
    """Gradients of the total with respect to every tensor of vectors; None where none was wanted."""


Solve = Callable[[Sequence[Tensor], bool], Solution]
"""From tensors of vectors, and whether their gradient is wanted."""
Specification = Callable[[Sequence[Tensor]], LossReport]
"""The same losses in differentiable operations."""


def in_closed_form(solve: Solve, specification: Specification, vectors: Sequence[Tensor]) -> LossReport:
    """The losses and gradient that `solve` finds; `specification` gives the second derivative, where one is wanted."""
    differentiate = torch.is_grad_enabled() and any(v.requires_grad for v in vectors)
    solved = _ClosedForm.apply(solve, specification, differentiate, *vectors)  # type: ignore[no-untyped-call]
    return LossReport(*solved)


class _ClosedForm(torch.autograd.Function):
    """total, L_h and the number of valid anchors; the latter two carry no gradient."""

    @staticmethod
    def forward(
        ctx: Any, solve: Solve, specification: Specification, differentiate: bool, *vectors: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        solution = solve(vectors, differentiate)
        ctx.specification, ctx.count = specification, len(vectors)
        ctx.save_for_backward(*vectors, *(solution.gradients or ()))
        ctx.mark_non_differentiable(solution.losses, solution.valid)
        ctx.set_materialize_grads(False)
        return solution.total, solution.losses, solution.valid

    @staticmethod
    def backward(ctx: Any, total: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
        if total is None:
            return (None, None, None, *(None for _ in range(ctx.count)))
        vectors, gradients = ctx.saved_tensors[: ctx.count], ctx.saved_tensors[ctx.count :]
        if torch.is_grad_enabled():  # As `create_graph` has it.
            return (None, None, None, *gradient_with_graph(lambda *v: ctx.specification(v).total, vectors, total))
        return (None, None, None, *(gradient * total for gradient in gradients))


def gradient_with_graph(
    function: Callable[..., Tensor | tuple[Tensor, ...]], inputs: Sequence[Tensor], outer: Tensor | Sequence[Tensor]
) -> list[Tensor | None]:
    """Gradients of outer . function(*inputs) with respect to the inputs, which can be differentiated again."""
    wanted = [value for value in inputs if value.requires_grad]
    with torch.enable_grad():
        gradients = iter(torch.autograd.grad(function(*inputs), wanted, outer, create_graph=True))
    return [next(gradients) if value.requires_grad else None for value in inputs]


def without_autocast(tensor: Tensor) -> AbstractContextManager[Any]:
    """Losses are never computed in reduced precision. To switch off what is off would cost a few microseconds."""
    kind = tensor.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()
