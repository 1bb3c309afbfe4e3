"""Level weights and temperatures."""

from __future__ import annotations

import math

import pytest
import torch

from hmlc_ray.config.objective import SumSupconConfig, SupconConfig
from hmlc_ray.objectives.level_weights import level_temperatures, level_weights


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("uniform", [1, 1, 1]),
        ("coarse_to_fine", [1, 3, 9]),
        ("fine_to_coarse", [9, 3, 1]),
        ("pow2", [2 ** (1 / 3), 2**0.5, 2]),
        ("exp", [math.exp(1 / 3), math.exp(1 / 2), math.e]),
        ("log_classes", [math.log(2), math.log(5), math.log(20)]),
        ((0.5, 0.0, 2.0), [0.5, 0, 2]),
    ],
)
def test_weights(form: str, expected: list[float]) -> None:
    weights = level_weights(SumSupconConfig(level_weights=form, level_ratio=3.0), (2, 5, 20))
    torch.testing.assert_close(weights, torch.tensor(expected, dtype=torch.float32))


def test_temperatures() -> None:
    assert level_temperatures(SupconConfig(temperature=0.2), 3) == (0.2, 0.2, 0.2)
    assert level_temperatures(SumSupconConfig(temperature=(0.1, 0.2)), 2) == (0.1, 0.2)
