"""Trials that are listed instead of searched: `points`."""

from __future__ import annotations

from typing import Any

import optuna
import pytest

from hmlc_ray.config.sweep import SweepConfig, load_sweep, space_of_points
from hmlc_ray.errors import ConfigError
from hmlc_ray.sweep.tune.points import Points
from hmlc_ray.sweep.tune.samplers import NumberedRandom, Stream

POINTS: list[dict[str, Any]] = [
    {"objective": {"kind": "supcon"}},
    {"objective": {"kind": "hmce", "temperature": 0.2}, "seed": 7},
    {"objective": {"kind": "supcon"}, "optimiser": {"learning_rate": 0.01}},
]


def sweep_of(**changes: Any) -> SweepConfig:
    values = {
        "study": {"name": "listed", "num_trials": 3, "test": "every"},
        "base": {"training": {"epochs": 5}},
        "space": space_of_points(len(POINTS)),
        "points": POINTS,
    }
    return load_sweep(values | changes)


def test_points_are_drawn_in_their_order_and_laid_over_the_base() -> None:
    sweep = sweep_of()
    space, sampler = sweep.search_space(), NumberedRandom(Stream(0))
    study, drawn = optuna.create_study(sampler=sampler), []
    while (point := Points(space).draw(study, sampler, study.get_trials())) is not None:
        study.enqueue_trial(point)
        drawn.append(space.suggest(study.ask()))
    assert [(config.objective.kind, config.seed) for config in drawn] == [("supcon", 0), ("hmce", 7), ("supcon", 0)]
    assert drawn[2].optimiser.learning_rate == 0.01
    assert {config.training.epochs for config in drawn} == {5}


def test_they_are_read_back_from_json() -> None:
    sweep = sweep_of()
    again = SweepConfig.model_validate_json(sweep.model_dump_json())
    assert again.search_space().assemble({}, {"point": 1}) == sweep.search_space().assemble({}, {"point": 1})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"space": space_of_points(2)}, r"space must be {point: {int: \[0, 2\]}} where 3 points are listed"),
        ({"points": [*POINTS[:2], {"data": {"kind": "mnist"}}]}, r"points\[2\] has data: give it in base"),
        ({"points": [*POINTS[:2], {"objective": {"kind": "supcon", "level": 2}}]}, "objective.level is 2"),
        ({"points": [*POINTS[:2], {"objektive": {}}]}, r"points\[2\]: unknown key objektive"),
        ({"study": {"name": "listed", "test": "every", "refit": {"workers": 1}}}, "study.test must be best"),
    ],
)
def test_wrong_points_are_refused_before_any_trial_starts(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        sweep_of(**changes)
