"""Normalisation, and masks prepared for use."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hmlc_ray.objectives.vectors import FeatureMasks, full_precision, normalise


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


def test_masked_vectors() -> None:
    torch.manual_seed(0)
    rows = torch.randn(4, 6, dtype=torch.float64, requires_grad=True)
    masks = torch.tensor([[1, 1, 0, 0, 1, 1], [0, 0, 0.5, 1, 0, 0], [1, 1, 0, 0, 1, 1], [1, 1, 1, 1, 1, 1]]).double()
    prepared = FeatureMasks.of(masks)
    vectors = prepared.vectors(rows)
    assert vectors[0] is vectors[2]
    for h, v in enumerate(vectors):
        expected = torch.nn.functional.normalize(rows * masks[h])
        torch.testing.assert_close(v @ v.T, expected @ expected.T)
        torch.testing.assert_close(prepared.apply(rows, h), v)
    assert torch.autograd.gradcheck(lambda rows: torch.cat([v @ v.T for v in prepared.vectors(rows)]), rows)
