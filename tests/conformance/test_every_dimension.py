"""What every dimension of a search space promises. How one is written is read off its docstring."""

from __future__ import annotations

import pickle
import re
from typing import Any, get_args

import optuna
import pytest
from optuna.trial import FixedTrial, FrozenTrial

from hmlc_ray.config.dimension_forms import FORMS, parse_dimension
from hmlc_ray.config.dimensions import Dimension, readable
from hmlc_ray.config.load import parse_yaml
from hmlc_ray.errors import ConfigError


def written(kind: type) -> list[Any]:
    """The forms in backticks of a class's docstring, as values; options and names, which are no form, are left out."""
    found = []
    for text in re.findall(r"`([^`]+)`", kind.__doc__ or ""):
        try:
            value = parse_yaml(text, "docstring")
            if not isinstance(value, str) and isinstance(parsed(value), kind):
                found.append(value)
        except ConfigError:
            continue
    return found


def parsed(spec: Any) -> Dimension:
    return parse_dimension(spec, "f.yaml: space.x", lambda: 3)


KINDS = get_args(Dimension)
CASES = [spec for kind in KINDS for spec in written(kind)]
every_dimension = pytest.mark.parametrize("spec", CASES, ids=str)


@pytest.fixture
def study() -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))


def test_every_dimension_and_every_form_is_written_in_a_docstring() -> None:
    assert [kind.__name__ for kind in KINDS if not written(kind)] == []
    assert {name for spec in CASES if isinstance(spec, dict) for name in spec} >= {*FORMS}


@every_dimension
def test_a_draw_is_decided_by_its_parameters(spec: Any, study: optuna.Study) -> None:
    dimension = parsed(spec)
    for _ in range(20):
        trial = study.ask()
        value = dimension.suggest(trial, "x")
        assert all(name == "x" or name.startswith("x.") for name in trial.params)
        assert dimension.suggest(FixedTrial(trial.params), "x") == value
        study.tell(trial, 0.0)


@every_dimension
def test_the_parameters_of_a_draw_are_shown_under_its_name(spec: Any, study: optuna.Study) -> None:
    trial = study.ask()
    value = parsed(spec).suggest(trial, "x")
    assert {*readable(dict(trial.params))} == ({"x"} if trial.params else set())
    if trial.params:
        shown: Any = readable(dict(trial.params))["x"]
        assert shown == (value if isinstance(value, str) else pytest.approx(value))


@every_dimension
def test_its_parameters_are_what_optuna_can_store(spec: Any, study: optuna.Study) -> None:
    trial = study.ask()
    parsed(spec).suggest(trial, "x")
    (stored,) = study.get_trials(deepcopy=True)
    assert isinstance(stored, FrozenTrial)
    assert stored.params == trial.params


@every_dimension
def test_a_finite_one_numbers_its_values(spec: Any) -> None:
    dimension = parsed(spec)
    size = dimension.size()
    if size is None:
        return
    assert size >= 1
    values = [dimension.suggest(FixedTrial(dimension.params("x", index)), "x") for index in range(min(size, 50))]
    assert len({*map(str, values)}) == len(values)


@every_dimension
def test_its_ends_are_named_and_it_says_what_it_is(spec: Any) -> None:
    dimension = parsed(spec)
    assert dimension.ends()
    assert all(isinstance(name, str) for name in dimension.ends())
    assert str(dimension)
    assert "\n" not in str(dimension)
    assert pickle.loads(pickle.dumps(dimension)) == dimension
