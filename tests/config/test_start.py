"""Points that a study tries first: `study.start`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hmlc_ray.config.dimensions import (
    Choices,
    Constant,
    FloatRange,
    IntRange,
    Simplex,
    break_stick,
    readable,
    sticks_of,
)
from hmlc_ray.config.space import SearchSpace
from hmlc_ray.config.start import fitting, start_params
from hmlc_ray.config.sweep import load_sweep
from hmlc_ray.errors import ConfigError

SPACE: dict[str, Any] = {
    "objective.temperature": {"float": [0.05, 0.5], "log": True},
    "objective.level_weights": {"simplex": "levels"},
    "training.epochs": {"int": [4, 12], "step": 4},
    "encoder.width": {"choice": [16, 32]},
    "objective": {"branch": {"g-hmlc": {"mixture_components": {"int": [2, 6]}}, "a-hmlc": None}},
}


def values(*points: dict[str, Any], **start: Any) -> dict[str, Any]:
    return {"study": {"name": "s", "start": {"points": list(points), **start}}, "space": SPACE}


def test_points_become_the_parameters_of_the_study() -> None:
    sweep = load_sweep(
        values(
            {"objective.temperature": 0.1, "objective.kind": "g-hmlc", "objective[g-hmlc].mixture_components": 3},
            {"objective.level_weights": [0.75, 0.25], "training.epochs": 8, "encoder.width": 32},
        )
    )
    assert start_params(sweep.search_space(), sweep.study.start.points) == [
        {"objective.temperature": 0.1, "objective.kind": "g-hmlc", "objective[g-hmlc].mixture_components": 3},
        {"objective.level_weights.stick0": 0.75, "training.epochs": 8, "encoder.width": 32},
    ]


@pytest.mark.parametrize(
    ("point", "sentence"),
    [
        ({}, r"study.start.points\[1\] is empty"),
        (
            {"objective.temperatur": 0.1},
            r"points\[1\]: objective.temperatur is not searched \(did you mean 'objective.temperature'",
        ),
        ({"objective.temperature": 0.9}, "objective.temperature must be 0.05 to 0.5, log, as in space, got 0.9"),
        ({"objective.temperature": True}, "objective.temperature must be 0.05 to 0.5, log, as in space, got true"),
        ({"training.epochs": 6}, "training.epochs must be 4 to 12, step 4, as in space, got 6"),
        ({"encoder.width": 64}, "encoder.width must be one of 16, 32, as in space, got 64"),
        ({"objective.level_weights": [0.6, 0.6]}, "objective.level_weights must be 2 weights of sum 1"),
        ({"objective.level_weights": 0.6}, "objective.level_weights must be 2 weights of sum 1"),
        ({"objective.kind": "hmce"}, 'objective.kind must be one of g-hmlc, a-hmlc, got "hmce"'),
        ({"objective.kind": "a-hmlc", "objective[g-hmlc].mixture_components": 3}, "of another kind than it names"),
    ],
)
def test_a_point_that_the_space_does_not_have_is_refused(point: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        load_sweep(values({"objective.temperature": 0.1}, point))


def test_listed_points_have_nothing_to_start_from() -> None:
    listed = {"space": {"point": {"int": [0, 0]}}, "points": [{"objective": {"kind": "supcon"}}]}
    with pytest.raises(ConfigError, match="this one lists its points"):
        load_sweep({**values(study="earlier"), **listed})


def test_what_fits_of_another_study_is_kept_and_the_rest_left_out() -> None:
    space = SearchSpace.parse(SPACE, {}, "test")
    other = {"objective.kind": "g-hmlc", "objective.temperature": 0.7, "objective.level_weights": [0.5, 0.3, 0.2]}
    assert fitting(space, {**other, "objective[g-hmlc].mixture_components": 4, "optimiser.momentum": 0.9}) == {
        "objective.kind": "g-hmlc",
        "objective[g-hmlc].mixture_components": 4,
    }
    assert fitting(space, {"optimiser.momentum": 0.9}) == {}
    # Of an objective that is not searched here, what all objectives have is kept.
    assert fitting(space, {"objective.kind": "hmce", "objective.temperature": 0.1}) == {"objective.temperature": 0.1}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_sticks_and_weights_are_each_others_inverse(sticks: list[float]) -> None:
    weights = break_stick(sticks)
    assert break_stick(sticks_of(weights)) == pytest.approx(weights, abs=1e-9)
    found = Simplex(len(weights)).params_of("w", weights)
    assert found is not None
    assert readable(dict(found))["w"] == pytest.approx(weights, abs=1e-9)


@pytest.mark.parametrize(
    "dimension",
    [
        Constant([0.9, 0.1]),
        FloatRange(0.1, 0.7, step=0.1),
        IntRange(2, 11, step=3),
        Choices((1, 1.0, True, [1, 2], {"a": 1})),
    ],
)
def test_every_value_of_a_dimension_is_found_again(dimension: Any) -> None:
    size = dimension.size()
    for index in range(size):
        params = dimension.params("n", index)
        assert dimension.params_of("n", next(iter(params.values()), getattr(dimension, "value", None))) == params
    assert dimension.params_of("n", "another") is None
