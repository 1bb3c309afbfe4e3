"""`choice: [0, false]`, `[1, 1.0]`, `["1", 1]`: told apart, or refused with the value that is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmlc_ray.config.dimensions import Choices
from hmlc_ray.config.load import dump_yaml
from hmlc_ray.config.sweep import load_sweep
from hmlc_ray.errors import ConfigError

SCALARS = st.sampled_from([0, 0.0, False, 1, 1.0, True, "0", "1", "1.0", "true", "null", None, '"1"', "[1]", "", 2.5])
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.sampled_from("ab"), SCALARS, max_size=2)


def typed(value: Any) -> str:
    return f"{type(value).__name__} {value!r}"


@settings(max_examples=60, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=6, unique_by=typed))
def test_every_choice_can_be_drawn_as_itself(values: list[Any]) -> None:
    """From a study whose storage holds text and numbers, by what it holds."""
    dimension = Choices(tuple(values))
    labels = dimension.labels
    study = optuna.create_study()
    for place, value in enumerate(values):
        study.enqueue_trial(dimension.params("x", place))
        trial = study.ask()
        assert typed(dimension.suggest(trial, "x")) == typed(value)
        stored = study.trials[-1].params["x"]
        assert typed(stored) == typed(labels[place])
    assert len(dimension.ends()) == len(values)


def check(tmp_path: Path, path: str, choice: list[Any]) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(dump_yaml({"study": {"name": "s"}, "space": {path: {"choice": choice}}}), encoding="utf-8")
    load_sweep(file)


@pytest.mark.parametrize(
    ("path", "choice", "sentence"),
    [
        ("objective.warmup_epochs", [0, False], "an integer of at least 0, got false"),
        ("training.deterministic", [True, 1], "training.deterministic must be true or false, or null, got 1"),
        ("training.epochs", [1, 1.0], "training.epochs must be an integer of at least 1, got 1.0"),
        ("training.epochs", [1, "1"], 'training.epochs must be an integer of at least 1, got "1"'),
        ("objective.temperature", [1, 1.0], "space.objective.temperature: choice holds 1 and 1.0, the same value here"),
        ("objective.level_weights", [[1, 1], "uniform", [1.0, 1]], "choice holds [1, 1] and [1.0, 1], the same value"),
        ("optimiser", [{"kind": "sgd"}, {"kind": "sgd", "momentum": 0.9}], 'and {"kind": "sgd", "momentum": 0.9}, the'),
        ("seed", [1, 2, 1], "choice holds 1 twice"),
        ("optimiser", [{"kind": "sgd", "momentum": 0.1}, {"momentum": 0.1, "kind": "sgd"}], "twice"),
    ],
)  # fmt: skip
def test_the_choice_that_is_wrong_is_named(path: str, choice: list[Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        check(tmp_path, path, choice)
    assert sentence in str(error.value)


def test_long_choices_that_begin_alike_are_each_checked(tmp_path: Path) -> None:
    """Errors show the first forty characters of a choice."""
    levels = [0.25] * 12
    good = {"kind": "image-folder", "root": "x", "level_names": [f"level-{level}" for level in range(12)]}
    file = tmp_path / "s.yaml"
    choice = {"choice": [levels, [*levels[:-1], 0.5], [*levels[:-1], -1]]}
    space = {"study": {"name": "s"}, "base": {"data": good}, "space": {"objective.level_weights": choice}}
    file.write_text(dump_yaml(space), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"objective\.level_weights must be .*-1"):
        load_sweep(file)


def test_choices_of_different_types_that_the_key_takes_are_fine(tmp_path: Path) -> None:
    check(tmp_path, "objective.temperature", [1, 0.5, [1, 1], [1, 0.5]])
    check(tmp_path, "training.sampler_level", ["leaf", 0])
