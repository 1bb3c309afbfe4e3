"""Axes of charts."""

from __future__ import annotations

import pytest

from hmlc_ray.report.charts.base import labels, lines


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


def test_names_that_begin_alike_stay_two_lines_within_what_is_shown_of_them() -> None:
    names = [f"{'a very long level ' * 5}{end}" for end in ("fine", "finer")]
    spec = lines({name: [(1, 0.5)] for name in names}, "accuracy")
    shown = [row["name"] for row in spec["data"]["values"]]
    assert shown == spec["encoding"]["color"]["scale"]["domain"]
    assert len({*shown}) == 2
    assert all("…" in name and len(name) <= 24 for name in shown)


def test_a_name_that_no_other_resembles_keeps_sixty_letters() -> None:
    assert labels(["b" * 70, "c"]) == {"b" * 70: "b" * 59 + "…", "c": "c"}
