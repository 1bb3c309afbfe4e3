"""Dimensions: what they draw, and the sentences for malformed ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optuna.trial import FixedTrial

from hmlc_ray.config.dimension_forms import parse_dimension
from hmlc_ray.config.dimensions import (
    Choices,
    Constant,
    FloatRange,
    IntRange,
    Simplex,
    break_stick,
    readable,
)
from hmlc_ray.errors import ConfigError


def parse(spec: object) -> object:
    return parse_dimension(spec, "f.yaml: space.x", lambda: 3)


@pytest.mark.parametrize(
    ("spec", "dimension"),
    [
        (3, Constant(3)),
        ([1, 2], Constant([1, 2])),
        ({"float": [1e-3, 1], "log": True}, FloatRange(1e-3, 1.0, log=True)),
        ({"float": [0, 1], "step": 0.1}, FloatRange(0.0, 1.0, step=0.1)),
        ({"int": [2, 6]}, IntRange(2, 6)),
        ({"int": [2, 6], "step": 2}, IntRange(2, 6, step=2)),
        ({"choice": ["a", [1, 2], None]}, Choices(("a", [1, 2], None))),
        ({"simplex": "levels"}, Simplex(3)),
        ({"simplex": 4}, Simplex(4)),
    ],
)
def test_parse(spec: object, dimension: object) -> None:
    assert parse(spec) == dimension


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"flot": [0, 1]}, "{\"flot\": [0, 1]} is not a dimension (did you mean 'float'?); the forms are float, int, "),
        ({}, "{} is not a dimension; the forms are float, int, choice, simplex"),
        ({"float": [0, 1], "lg": True}, "unknown key lg (did you mean 'log'?); float takes log, step"),
        ({"choice": [1], "log": True}, "unknown key log; choice takes no options"),
        ({"float": [1, 0]}, "low end 1 must not exceed high end 0"),
        ({"float": [0, 1], "log": True}, "with log: true the low end must be above 0, got 0"),
        ({"float": [0, 1, 2]}, "float must be [low, high], two finite numbers, got [0, 1, 2]"),
        ({"float": [0, math.inf]}, "float must be [low, high], two finite numbers, got [0, Infinity]"),
        ({"float": [False, 1]}, "float must be [low, high], two finite numbers, got [false, 1]"),
        ({"int": [0, 1.5]}, "int must be [low, high], two integers, got [0, 1.5]"),
        ({"int": 3}, "int must be [low, high], two integers, got 3"),
        ({"int": [1, 2], "log": 1}, "log must be true or false, got 1"),
        ({"int": [1, 9], "log": True, "step": 2}, "log: true and step exclude each other"),
        ({"int": [1, 4], "step": 2}, "step must be above 0 and divide 4 - 1, got 2"),
        ({"float": [0, 1], "step": 0}, "step must be above 0 and divide 1 - 0, got 0"),
        ({"choice": []}, "choice must be a non-empty list, got []"),
        ({"choice": "ab"}, 'choice must be a non-empty list, got "ab"'),
        ({"choice": [[1], [1]]}, "choice holds [1] twice"),
        ({"choice": [1, 1.0, 1]}, "choice holds 1 twice"),
        ({"simplex": 0}, "simplex must be levels or the number of weights (at least 1), got 0"),
        ({"simplex": "level"}, 'simplex must be levels or the number of weights (at least 1), got "level"'),
    ],
)
def test_malformed(spec: object, sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(spec)
    assert str(error.value).startswith(f"f.yaml: space.x: {sentence}")


def test_levels_are_counted_only_where_they_matter() -> None:
    def refuse() -> int:
        raise AssertionError

    assert parse_dimension({"simplex": 2}, "x", refuse) == Simplex(2)


def test_lists_and_sections_are_stored_as_json_text() -> None:
    dimension = Choices(("uniform", [0.5, 0.5], {"kind": "sgd"}, True, None))
    for label, value in [("uniform", "uniform"), ("[0.5, 0.5]", [0.5, 0.5]), ('{"kind": "sgd"}', {"kind": "sgd"})]:
        assert dimension.suggest(FixedTrial({"x": label}), "x") == value


def test_optuna_draws_within_the_ends() -> None:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(50):
        trial = study.ask()
        assert 1e-3 <= FloatRange(1e-3, 1.0, log=True).suggest(trial, "a") <= 1
        assert IntRange(2, 6, step=2).suggest(trial, "b") in (2, 4, 6)
        assert sum(Simplex(4).suggest(trial, "c")) == pytest.approx(1)
    assert set(trial.params) == {"a", "b", "c.stick0", "c.stick1", "c.stick2"}


sticks = st.integers(1, 5).flatmap(lambda n: st.lists(st.floats(0, 1), min_size=n, max_size=n))


@settings(max_examples=100, deadline=None)
@given(sticks)
def test_broken_sticks_lie_on_the_simplex(u: list[float]) -> None:
    weights = break_stick(u)
    assert len(weights) == len(u) + 1
    assert min(weights) >= 0
    assert sum(weights) == pytest.approx(1)


def test_sticks_are_shown_as_weights() -> None:
    params = {"a": 1, "x.w.stick0": 0.5, "x.w.stick1": 0.25, "b.stick0": "text"}
    assert readable(params) == {"a": 1, "x.w": break_stick([0.5, 0.25]), "b.stick0": "text"}


def test_one_level_needs_no_parameter() -> None:
    assert Simplex(1).suggest(FixedTrial({}), "x") == [1.0]


inner = st.floats(0.02, 0.98)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5).flatmap(lambda n: st.lists(inner, min_size=n, max_size=n)))
def test_stick_breaking_is_uniform_on_the_simplex(u: list[float]) -> None:
    """A map from the uniform cube is uniform where it stretches volume alike everywhere. Its Jacobian is triangular
    (weight k depends on u_0..u_k alone), so the stretch is the product of the diagonal; 1/(L-1)! is the volume of the
    simplex in its first L-1 coordinates."""
    stretch = math.prod(_slope(u, k) for k in range(len(u)))
    assert stretch == pytest.approx(1 / math.factorial(len(u)), rel=1e-4)


def _slope(u: Sequence[float], k: int, step: float = 1e-5) -> float:
    def weight(value: float) -> Any:
        return break_stick([*u[:k], value, *u[k + 1 :]])[k]

    return float(weight(u[k] + step) - weight(u[k] - step)) / (2 * step)
