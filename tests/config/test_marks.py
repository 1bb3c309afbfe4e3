"""Rules that a key declares on its field, and that no code repeats."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from hmlc_ray.config.levels import check_levels, check_trial
from hmlc_ray.config.marks import LevelIndex, PerLevel, marked
from hmlc_ray.config.moved import path_keys, with_paths
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import ConfigError


def trial(**sections: Any) -> TrialConfig:
    return TrialConfig.model_validate(sections)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"objective": {"kind": "sum-supcon", "level_weights": (1, 1)}},
         "objective.level_weights holds 2 values, one is needed for each of the 3 levels"),
        ({"objective": {"kind": "cross-entropy", "level_weights": (1, 1, 1, 1)}}, "objective.level_weights holds 4"),
        ({"objective": {"kind": "bhcl", "temperature": (0.1, 0.2)}}, "objective.temperature holds 2 values"),
        ({"evaluation": {"chosen_regularisation": (1.0,)}}, "evaluation.chosen_regularisation holds 1 value,"),
        ({"objective": {"kind": "supcon", "level": 3}}, "objective.level is 3, but the taxonomy has levels 0 to 2"),
        ({"training": {"sampler_level": 3}}, "training.sampler_level is 3, but the taxonomy has levels 0 to 2"),
        ({"head": {"embedding_dim": 2}},
         "head.embedding_dim is 2, but g-hmlc needs at least one dimension for each of the 3 levels"),
    ],
)  # fmt: skip
def test_what_the_levels_decide_is_checked_wherever_it_is_declared(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_levels(trial(**sections), 3)
    assert message in str(caught.value)


def test_what_fits_the_levels_passes() -> None:
    fitting: list[dict[str, Any]] = [
        {"objective": {"kind": "sum-supcon", "level_weights": (1, 0, 2), "temperature": (0.1, 0.2, 0.3)}},
        {"objective": {"kind": "supcon", "level": 2}, "training": {"sampler_level": 0}},
        {"objective": {"mask": "none"}, "head": {"embedding_dim": 2}},
        {"head": {"embedding_dim": 3}},
    ]
    for sections in fitting:
        check_levels(trial(**sections), 3)


def test_levels_are_counted_only_where_something_depends_on_them() -> None:
    def count(_: object) -> int:
        raise AssertionError("counted")

    check_trial(trial(objective={"kind": "sum-supcon"}), count)
    with pytest.raises(AssertionError, match="counted"):
        check_trial(trial(objective={"kind": "supcon", "level": 0}), count)


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"optimiser": {"warmup_epochs": 3}, "training": {"epochs": 2}},
         "optimiser.warmup_epochs (3) must not exceed training.epochs (2)"),
        ({"objective": {"mixture_components": 17}, "head": {"embedding_dim": 16}},
         "objective.mixture_components (17) must not exceed head.embedding_dim (16): the mixture is fitted on"),
    ],
)  # fmt: skip
def test_a_number_that_another_one_bounds_is_refused_in_one_sentence(sections: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        trial(**sections)
    assert message in str(caught.value)


def test_marks_are_found_below_every_section() -> None:
    config = trial(objective={"kind": "a-hmlc"})
    assert {path for path, _, _ in marked(config, PerLevel)} == {
        "objective.temperature", "objective.level_weights", "evaluation.chosen_regularisation"
    }  # fmt: skip
    assert [path for path, _, _ in marked(config, LevelIndex)] == ["training.sampler_level"]


def test_paths_are_found_by_their_mark() -> None:
    assert path_keys() == {"data": ("root", "file", "labels"), "encoder": ("weights",)}
    config = trial(data={"kind": "manifest", "file": "list.csv"}, encoder={"kind": "resnet18", "weights": "w.pt"})
    moved = with_paths(config, lambda path: f"/there/{path}")
    assert (moved.data.file, moved.data.root, moved.encoder.weights) == ("/there/list.csv", None, "/there/w.pt")  # type: ignore[union-attr]
    assert with_paths(trial(), lambda path: f"/there/{path}") == trial()
