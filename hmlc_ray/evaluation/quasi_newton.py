"""L-BFGS whose preconditioner is evaluated at every point, and whose memory passes from one problem to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

_NUMBERS_KEPT = 1 << 23
"""Numbers in the steps that the memory holds at most, and as many in the changes of the gradient: 64 MB each."""
_LEAST_PAIRS, _MOST_PAIRS = 4, 60
_LEAST_COSINE = 1e-10
"""Cosine of the angle between a step and the gradient's change along it, so that the change is not rounding alone."""
_DECREASE = 1e-4
"""Part of the decrease expected to first order that a step has to achieve (Armijo)."""
_NOISE = {torch.float32: 1e-6, torch.float64: 1e-14}
"""Parts of the loss: increases that may be rounding, where the slope alone decides."""
_FLATTER = 0.9
"""Part of the slope at a step's start that may be left at its end, where the slope decides."""
_MOST_CUTS = 30
"""Times that a step is shortened at most."""


@dataclass(frozen=True)
class Point:
    """A convex function at some weights; all tensors float64 of one shape."""

    weights: Tensor
    loss: float
    gradient: Tensor
    inverse: Tensor
    """An estimate of the diagonal of the inverse Hessian, positive."""

    @property
    def gain(self) -> float:
        """The decrease of the loss that the step along the estimated curvature promises."""
        return 0.5 * float((self.gradient.square() * self.inverse).sum())


class Memory:
    """The last steps with the changes of the gradient that they made, oldest first."""

    def __init__(self) -> None:
        self._pairs: list[tuple[Tensor, Tensor, Tensor]] = []
        """Step, change and their product's inverse, the first two flat."""

    def add(self, step: Tensor, change: Tensor) -> None:
        """Note a step, unless rounding hides that the function is convex."""
        product = step.flatten() @ change.flatten()
        if float(product) > _LEAST_COSINE * float(step.norm() * change.norm()):
            most = min(_MOST_PAIRS, max(_LEAST_PAIRS, _NUMBERS_KEPT // step.numel()))
            self._pairs = [*self._pairs[-most + 1 :], (step.flatten(), change.flatten(), 1 / product)]

    def add_quadratic(self, diagonal: Tensor) -> None:
        """Follow the function where 0.5 * sum(diagonal * weights^2) was added to it."""
        before, self._pairs = self._pairs, []
        for step, change, _ in before:
            self.add(step, change + diagonal.flatten() * step)

    def clear(self) -> None:
        """Forget all steps."""
        self._pairs = []

    def direction(self, point: Point) -> Tensor:
        """The quasi-Newton step (Nocedal and Wright, Numerical Optimization, 2nd ed., algorithm 7.4)."""
        result, inverse, parts = -point.gradient.flatten(), point.inverse.flatten(), []
        for step, change, factor in reversed(self._pairs):
            part = factor * (step @ result)
            result.addcmul_(change, part, value=-1)
            parts.append(part)
        result *= inverse
        if self._pairs:
            _, change, factor = self._pairs[-1]
            result /= factor * (change.square() @ inverse)
        for (step, change, factor), part in zip(self._pairs, reversed(parts), strict=True):
            result.addcmul_(step, part - factor * (change @ result))
        return result.view_as(point.gradient)


def minimise(
    at: Callable[[Tensor], Point],
    start: Tensor,
    memory: Memory,
    reached: Callable[[Point], bool],
    max_iter: int,
    dtype: torch.dtype,
) -> tuple[Point, int]:
    """The first point that is `reached`, or else the last one, and the steps taken.

    Fewer than `max_iter` steps to a point that is not reached mean that rounding hides any further descent.

    Args:
        at: the function, computed in `dtype`.
        memory: of this function or one like it; it learns from the steps taken.
    """
    point = at(start)
    for taken in range(max_iter):
        if reached(point):
            return point, taken
        found = _step(at, point, memory.direction(point), dtype)
        if found is None:
            memory.clear()
            found = _step(at, point, -point.inverse * point.gradient, dtype)
        if found is None:
            return point, taken
        memory.add(found.weights - point.weights, found.gradient - point.gradient)
        point = found
    return point, max_iter


def _step(at: Callable[[Tensor], Point], point: Point, direction: Tensor, dtype: torch.dtype) -> Point | None:
    """A point along the direction with a sufficiently lower loss; None where there is none."""
    slope = float((point.gradient * direction).sum())
    noise = _NOISE[dtype] * abs(point.loss)
    length = 1.0
    for _ in range(_MOST_CUTS if slope < 0 else 0):
        found = at(point.weights + length * direction)
        left = float((found.gradient * direction).sum())
        rise = found.loss - point.loss
        if rise <= _DECREASE * length * slope or (rise <= noise and abs(left) <= -_FLATTER * slope):
            return found
        # Where the slope would be zero, if it changed evenly.
        length *= min(0.5, max(0.1, slope / (slope - left))) if left > slope else 0.5
    return None
