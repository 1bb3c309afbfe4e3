"""Axes of charts."""

from __future__ import annotations

import pytest

from hmlc_ray.report.charts.base import lines


@pytest.mark.parametrize(
    ("epochs", "axis"),
    [
        ([1, 2, 3], {"values": [1, 2, 3], "format": "d"}),
        ([5, 15], {"values": list(range(5, 16)), "format": "d"}),
        ([4], {"values": [4], "format": "d"}),
        ([5, 10, 20], {"tickMinStep": 1}),
        ([], {"tickMinStep": 1}),
    ],
)
def test_few_epochs_are_marked_without_halves(epochs: list[int], axis: dict[str, object]) -> None:
    spec = lines({"level0": [(epoch, 0.5) for epoch in epochs]}, "accuracy")
    assert spec["encoding"]["x"]["axis"] == axis
