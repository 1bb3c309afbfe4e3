"""Normalisation."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hmlc_ray.objectives.contrast.vectors import full_precision, normalise


def test_normalise_is_what_torch_does() -> None:
    torch.manual_seed(0)
    rows = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(normalise(rows), torch.nn.functional.normalize(rows))
    assert torch.autograd.gradcheck(normalise, rows)


def test_gradient_of_short_rows() -> None:
    rows = torch.tensor([[3e-7, 4e-7], [0.0, 0.0]], dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(normalise(rows), rows * 1e6)
    assert torch.autograd.gradcheck(normalise, rows, eps=1e-9, atol=1e-3)


@settings(max_examples=25, deadline=None)
@given(exponent=st.integers(-45, 38))
def test_any_length_is_finite(exponent: int) -> None:
    rows = torch.full((2, 3), 10.0**exponent, requires_grad=True)
    v = normalise(rows)
    v.sum().backward()
    assert torch.all(torch.linalg.vector_norm(v, dim=1) <= 1 + 1e-6)
    assert rows.grad is not None
    assert torch.isfinite(rows.grad).all()


@pytest.mark.parametrize(
    ("given", "used"), [(torch.bfloat16, torch.float32), (torch.float16, torch.float32), (torch.float64, torch.float64)]
)
def test_precision(given: torch.dtype, used: torch.dtype) -> None:
    assert full_precision(torch.ones(1, dtype=given)).dtype == used
