"""L-BFGS with a memory that passes from one problem to the next, on quadratic functions, whose minimum is known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hmlc_ray.evaluation.quasi_newton import Memory, Point, minimise

DOUBLE = torch.float64
GENERATOR = torch.Generator().manual_seed(0)
FACTOR = torch.randn(12, 12, generator=GENERATOR, dtype=DOUBLE)
HESSIAN = FACTOR @ FACTOR.T + torch.diag(torch.logspace(-2, 2, 12, dtype=DOUBLE))
TARGET = torch.randn(3, 4, generator=GENERATOR, dtype=DOUBLE)
PENALISED = torch.ones(3, 4, dtype=DOUBLE).index_fill(1, torch.tensor([3]), 0)


def quadratic(penalty: float = 0.0, dtype: torch.dtype = DOUBLE) -> Callable[[Tensor], Point]:
    """0.5 (w - TARGET)' HESSIAN (w - TARGET) + 0.5 penalty |w|^2, the last column not penalised."""

    def at(weights: Tensor) -> Point:
        apart = (weights - TARGET).flatten().to(dtype)
        change = HESSIAN.to(dtype) @ apart
        loss = float(0.5 * apart @ change) + 0.5 * penalty * float((PENALISED * weights.square()).sum())
        gradient = change.double().view(3, 4) + penalty * PENALISED * weights
        return Point(weights, loss, gradient, 1 / (HESSIAN.diagonal().view(3, 4) + penalty * PENALISED))

    return at


def steps(at: Callable[[Tensor], Point], memory: Memory, gain: float = 1e-12) -> tuple[Tensor, int]:
    point, taken = minimise(at, torch.zeros(3, 4, dtype=DOUBLE), memory, lambda p: p.gain < gain, 200, DOUBLE)
    return point.weights, taken


def test_it_finds_the_minimum() -> None:
    found, taken = steps(quadratic(), Memory())
    torch.testing.assert_close(found, TARGET, atol=1e-4, rtol=0)
    assert 0 < taken < 200


def test_what_was_learnt_of_one_problem_serves_the_next_with_its_penalty() -> None:
    memory = Memory()
    steps(quadratic(5.0), memory)
    memory.add_quadratic((1.0 - 5.0) * PENALISED)
    found, taken = steps(quadratic(1.0), memory)
    alone, taken_alone = steps(quadratic(1.0), Memory())
    torch.testing.assert_close(found, alone, atol=1e-4, rtol=0)
    assert taken < 0.7 * taken_alone


def test_the_memory_follows_an_added_quadratic_exactly() -> None:
    """The secant equation of the last pair holds for the new function: H^-1 (change of gradient) = step."""
    memory, before, after = Memory(), quadratic(5.0), quadratic(1.0)
    here, there = torch.zeros(3, 4, dtype=DOUBLE), torch.randn(3, 4, generator=GENERATOR, dtype=DOUBLE)
    memory.add(there - here, before(there).gradient - before(here).gradient)
    memory.add_quadratic((1.0 - 5.0) * PENALISED)
    change = after(there).gradient - after(here).gradient
    direction = memory.direction(Point(here, 0.0, change, torch.rand(3, 4, dtype=DOUBLE) + 0.1))
    torch.testing.assert_close(direction, here - there)


def test_a_step_along_which_the_gradient_did_not_grow_is_not_learnt() -> None:
    memory, step = Memory(), torch.ones(3, 4, dtype=DOUBLE)
    memory.add(step, -step)
    memory.add(step, 0 * step)
    point = quadratic()(step)
    torch.testing.assert_close(memory.direction(point), -point.inverse * point.gradient)


def test_the_memory_keeps_fewer_pairs_of_many_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmlc_ray.evaluation.quasi_newton._NUMBERS_KEPT", 60)
    memory = Memory()
    steps(quadratic(), memory)
    assert len(memory._pairs) == 5  # of 12 numbers each


def test_it_stops_where_rounding_hides_any_descent() -> None:
    start = torch.zeros(3, 4, dtype=DOUBLE)
    point, taken = minimise(quadratic(dtype=torch.float32), start, Memory(), lambda _: False, 500, torch.float32)
    assert taken < 500
    torch.testing.assert_close(point.weights, TARGET, atol=1e-2, rtol=0)


def test_an_upward_slope_is_not_followed() -> None:
    """A gradient that contradicts the loss ends the search at its start, instead of without end."""
    start = torch.zeros(3, 4, dtype=DOUBLE)

    def wrong(weights: Tensor) -> Point:
        right = quadratic()(weights)
        return Point(weights, right.loss, -right.gradient, right.inverse)

    point, taken = minimise(wrong, start, Memory(), lambda _: False, 500, DOUBLE)
    assert taken == 0
    torch.testing.assert_close(point.weights, start)
