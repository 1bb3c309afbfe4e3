"""`{float: [0.1, 0.4], step: 0.1}`: steps are what they are in decimal notation."""

from __future__ import annotations

import warnings
from decimal import Decimal

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmlc_ray.config.dimension_forms import parse_dimension
from hmlc_ray.config.dimensions import FloatRange, IntRange
from hmlc_ray.config.steps import FINEST
from hmlc_ray.errors import ConfigError


def parse(**spec: object) -> FloatRange | IntRange:
    dimension = parse_dimension(spec, "f.yaml: space.x", lambda: 3)
    assert isinstance(dimension, FloatRange | IntRange)
    return dimension


def values(dimension: FloatRange | IntRange) -> list[object]:
    size = dimension.size()
    assert size is not None
    return [dimension.params("x", index)["x"] for index in range(size)]


@pytest.mark.parametrize(
    ("low", "high", "step", "expected"),
    [
        (0.1, 0.4, 0.1, [0.1, 0.2, 0.3, 0.4]),
        (0.7, 1.0, 0.1, [0.7, 0.8, 0.9, 1.0]),
        (-0.3, 0.3, 0.3, [-0.3, 0.0, 0.3]),
        (0, 0.3, 0.15, [0.0, 0.15, 0.3]),
        (1e-4, 3e-4, 1e-4, [1e-4, 2e-4, 3e-4]),
        (1e-12, 3e-12, 1e-12, [1e-12, 2e-12, 3e-12]),
        (1e20, 3e20, 1e20, [1e20, 2e20, 3e20]),
        (0.5, 0.5, 0.1, [0.5]),
        (2, 6, 2.0, [2.0, 4.0, 6.0]),
    ],
)
def test_natural_ranges(low: float, high: float, step: float, expected: list[float]) -> None:
    assert values(parse(float=[low, high], step=step)) == expected


@settings(max_examples=60, deadline=None)
@given(
    low=st.integers(-1000, 1000),
    count=st.integers(0, 40),
    step=st.integers(1, 999),
    exponent=st.integers(-12, 12),
    seed=st.integers(0, 9),
)
def test_every_range_of_whole_steps_is_taken_and_gives_clean_decimals(
    low: int, count: int, step: int, exponent: int, seed: int
) -> None:
    unit = Decimal(1).scaleb(exponent)
    written = [float((low + index * step) * unit) for index in range(count + 1)]
    dimension = parse(float=[written[0], written[-1]], step=float(step * unit))
    assert values(dimension) == written

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Optuna takes the ends for its own, too
        for index in (0, count):
            study.enqueue_trial({"x": written[index]})
            assert dimension.suggest(study.ask(), "x") == written[index]
    assert {dimension.suggest(study.ask(), "x") for _ in range(5)} <= set(written)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"float": [0.1, 0.45], "step": 0.1}, "divide 0.45 - 0.1, got 0.1: its last value would be 0.4"),
        ({"float": [0, 1], "step": 0.3}, "divide 1 - 0, got 0.3: its last value would be 0.9"),
        ({"int": [1, 10], "step": 4}, "divide 10 - 1, got 4: its last value would be 9"),
        ({"float": [0.1, 0.2], "step": 0.3}, "its last value would be 0.1"),
        ({"float": [0, 1e300], "step": 1e-300}, "step 1e-300 is too fine for numbers as large as those"),
        ({"float": [1e9, 1e9 + 1], "step": 0.1}, "step 0.1 is too fine"),
        ({"float": [0.1, 0.4], "step": -0.1}, "step must be above 0"),
        ({"float": [0.1, 0.4], "step": 0.1, "log": True}, "log: true and step exclude each other"),
        ({"int": [0, 10**17]}, "the ends of an int range must lie within 9007199254740992, got"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(spec: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(**spec)
    assert sentence in str(error.value)


def test_integers_may_have_many_steps() -> None:
    assert parse(int=[0, 2**32 - 1], step=1).size() == 2**32 > FINEST
    assert values(parse(int=[2, 10], step=4)) == [2, 6, 10]
