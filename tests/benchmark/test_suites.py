"""Suites are checked as a whole before anything runs, and without their data."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from hmlc_ray.config.files import load_trial
from hmlc_ray.config.load import dump_yaml
from hmlc_ray.config.paths import set_path
from hmlc_ray.config.suite_check import load_suite
from hmlc_ray.config.sweep import load_sweep
from hmlc_ray.errors import ConfigError

SUITES = sorted((Path(__file__).parents[2] / "search_spaces" / "suites").glob("*.yaml"))
CONTROLS = {
    "hmce code", "hmce paper", "hce code", "hce paper", "hmc code", "hmc paper", "supcon leaf", "sum-supcon", "mlcl",
    "bhcl", "cross-entropy leaf", "cross-entropy all", "g-hmlc mixture", "g-hmlc random partition", "g-hmlc argmax",
    "g-hmlc none", "a-hmlc",
}  # fmt: skip
GOOD: dict[str, Any] = {
    "benchmark": {"name": "tiny", "baseline": "hmce", "seeds": [0, 1], "tuning": {"trials": 2}},
    "space": {"optimiser.learning_rate": {"float": [1e-3, 1e-2], "log": True}},
    "data": {"digits": {"data": {"kind": "digits"}}},
    "arms": {"hmce": {"objective": {"kind": "hmce"}}, "supcon": {"objective": {"kind": "supcon"}}},
}


@pytest.mark.parametrize("file", SUITES, ids=lambda file: file.stem)
def test_every_suite_is_valid_and_has_all_arms_and_controls(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where its data is not
    suite = load_suite(file)
    assert suite.arms.keys() >= CONTROLS
    assert len(suite.benchmark.seeds) >= 5
    assert suite.benchmark.baseline == "hmce code"


BAD = [
    ("arms.hmce.objektive", {"kind": "hmce"}, "arms.hmce: unknown key objektive"),
    ("arms.hmce.objective.variants", "code", "arms.hmce on digits: unknown key objective.variants"),
    ("arms.hmce.objective.kind", "hmcf", "hmcf"),
    ("benchmark.baseline", "hmcc", r"benchmark.baseline is 'hmcc', which is not an arm \(did you mean 'hmce'\?\)"),
    ("benchmark.seeds", [0], "benchmark.seeds holds 1 seed: .* need at least 2"),
    ("benchmark.seeds", [0, 0], "must not hold a seed twice"),
    ("benchmark.tuning", {"trials": 0}, "arms.hmce searches optimiser.learning_rate without a budget"),
    ("space", {}, "arms.hmce has nothing to search, though every arm has a budget of 2 trials"),
    ("space.objective.margin", {"float": [0.0, 1.0]}, "space.objective.margin is a key of no arm"),
    ("arms.hmce.training", {"epochs": 3}, "arms.hmce.training.epochs: all arms have the same"),
    ("arms.hmce.data", {"kind": "mnist"}, "arms.hmce.data.kind: all arms have the same data"),
    ("arms.hmce.space", {"training.epochs": {"int": [1, 9]}}, "training.epochs cannot be searched"),
    ("data.digits.data.kind", "digit", "digit"),
    ("benchmark.objective_metric", "val/probe_top1/digits", "did you mean 'val/probe_top1/digit'"),
    ("benchmark.name", "../x", "benchmark.name must be lower-case letters, digits, .*, 80 at most, got"),
    ("arms", {"hmce": {"objective": {"kind": "hmce"}}}, "arms must be a mapping of at least 2 entries, got"),
    ("data", {}, "data must be a mapping of at least 1 entry, got"),
    ("fronts", {"arms": ["hmce"], "leaf_weights": [0.2]}, "fronts.leaf_weights must be a list of at least 2 values"),
    ("trials.resources", {"cpus": 0}, "trials.resources.cpus"),
    ("fronts", {"arms": ["other"], "leaf_weights": [0.2, 0.8]}, "fronts.arms names 'other', which is not an arm"),
    ("fronts", {"arms": ["supcon"], "leaf_weights": [0.2, 0.8]}, "'supcon', whose objective has no level_weights"),
]


@pytest.mark.parametrize(("path", "value", "sentence"), BAD)
def test_a_bad_suite_is_refused_in_one_sentence(path: str, value: Any, sentence: str, tmp_path: Path) -> None:
    values, file = copy.deepcopy(GOOD), tmp_path / "suite.yaml"
    if path == "space.objective.margin":
        values["space"]["objective.margin"] = value
    else:
        set_path(values, path, value)
    file.write_text(dump_yaml(values))
    with pytest.raises(ConfigError, match=sentence) as raised:
        load_suite(file)
    assert str(raised.value).startswith(str(file))
    assert "\n" not in str(raised.value)


def test_a_file_of_another_kind_is_refused_with_the_command_that_takes_it(tmp_path: Path) -> None:
    suite, space = tmp_path / "suite.yaml", tmp_path / "space.yaml"
    suite.write_text(dump_yaml(GOOD))
    space.write_text("study: {name: s}\n")
    for load in (load_trial, load_sweep):
        with pytest.raises(ConfigError, match=r"suite\.yaml is a suite, which `hmlc benchmark` runs"):
            load(suite)
    with pytest.raises(ConfigError, match=r"space\.yaml is a search space, which `hmlc sweep` runs; a suite is needed"):
        load_suite(space)


def test_an_arm_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "suite.yaml"
    file.write_text(dump_yaml(GOOD) + "  hmce: {}\n")
    with pytest.raises(ConfigError, match="the key 'hmce' is given twice"):
        load_suite(file)


def test_a_dimension_of_all_arms_is_left_out_where_an_objective_has_no_such_key(tmp_path: Path) -> None:
    values, file = copy.deepcopy(GOOD), tmp_path / "suite.yaml"
    values["arms"]["ce"] = {"objective": {"kind": "cross-entropy"}}
    values["space"]["objective.temperature"] = {"float": [0.05, 0.5]}
    file.write_text(dump_yaml(values))
    suite = load_suite(file, ["benchmark.tuning.trials=4"])
    assert suite.benchmark.tuning.trials == 4
    assert set(suite.search_space("digits", "hmce").shared) == {"optimiser.learning_rate", "objective.temperature"}
    assert set(suite.search_space("digits", "ce").shared) == {"optimiser.learning_rate"}
