"""Trial files: overrides, a change of kind, and the round trip through YAML."""

from __future__ import annotations

from pathlib import Path

import pytest

from hmlc_ray.config.files import dump_trial, load_trial
from hmlc_ray.config.objective import AHmlcConfig, SupconConfig
from hmlc_ray.config.paths import flatten, parse_override, set_path
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import ConfigError


@pytest.fixture
def trial_file(tmp_path: Path) -> Path:
    path = tmp_path / "trial.yaml"
    path.write_text("objective: {mixture_components: 3, temperature: 0.2}\n")
    return path


def test_overrides_are_yaml_values(trial_file: Path) -> None:
    config = load_trial(trial_file, ["optimiser.learning_rate=1e-5", "evaluation.probe_regularisation=[1, 2]"])
    assert config.optimiser.learning_rate == 1e-5
    assert config.evaluation.probe_regularisation == (1.0, 2.0)


def test_a_change_of_kind_drops_the_keys_of_the_old_kind(trial_file: Path) -> None:
    config = load_trial(trial_file, ["objective.bottleneck=8", "objective.kind=a-hmlc"])
    assert isinstance(config.objective, AHmlcConfig)
    assert (config.objective.temperature, config.objective.bottleneck) == (0.2, 8)


def test_a_whole_section_can_be_overridden(trial_file: Path) -> None:
    assert load_trial(trial_file, ["objective={kind: supcon, level: 0}"]).objective == SupconConfig(level=0)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["objective.kind=a-hmlc", "objective.mask=none"], "unknown key objective.mask (it belongs to kind g-hmlc);"),
        (
            ["objective.temperature.x=1"],
            "objective.temperature.x cannot be set: objective.temperature is 0.2 and not a",
        ),
        (["seed"], "override 'seed': write it as path=value, for example objective.temperature=0.2"),
        (["=1"], "override '=1': write it as path=value"),
        (["a..b=1"], "override 'a..b=1': write it as path=value"),
        (
            ["objective.temperature={a"],
            "override 'objective.temperature={a': the `{` that opens here is not closed",
        ),
        (["objective.kind=g_hmlc"], "objective.kind is \"g_hmlc\" (did you mean 'g-hmlc'?); the kinds are"),
        (["objective.temperature="], "got null"),
    ],
)
def test_bad_overrides(trial_file: Path, overrides: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_trial(trial_file, overrides)
    assert sentence in str(error.value)


def test_a_mistake_in_the_file_survives_a_change_of_kind(tmp_path: Path) -> None:
    path = tmp_path / "trial.yaml"
    path.write_text("objective: {mixture_component: 3}\n")
    with pytest.raises(ConfigError, match=r"unknown key objective\.mixture_component;"):
        load_trial(path, ["objective.kind=a-hmlc"])


def test_a_search_space_gives_its_base(tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"
    path.write_text("study: {name: x}\nbase: {seed: 7}\nspace: {seed: {int: [0, 3]}}\n")
    assert load_trial(path, ["head.layers=1"]).seed == 7
    with pytest.raises(ConfigError, match=r"space\.yaml \(base\): unknown key sed \(did you mean 'seed'\?\)"):
        load_trial(path, ["sed=7"])


def test_dump_and_load_give_an_equal_trial(tmp_path: Path) -> None:
    config = TrialConfig.model_validate(
        {
            "objective": {"kind": "a-hmlc", "level_weights": [0.1234567890123456789, 1e-17], "temperature": 1e-5},
            "data": {"kind": "image-folder", "root": "1e-5", "level_names": ["off", "1:4"]},
        }
    )
    path = tmp_path / "trial.yaml"
    path.write_text(dump_trial(config))
    assert load_trial(path) == config


def test_flatten_gives_scalars_by_dotted_path() -> None:
    flat = flatten(TrialConfig())
    assert flat["objective.kind"] == "g-hmlc"
    assert flat["objective.mixture_components"] is None
    assert flat["views.crop_scale"] == "[0.5, 1.0]"
    assert all(value is None or isinstance(value, str | int | float) for value in flat.values())


def test_set_path_makes_sections() -> None:
    values = {"a": {"b": 1}}
    set_path(values, "a.c.d", 2)
    assert values == {"a": {"b": 1, "c": {"d": 2}}}


def test_parse_override_splits_at_the_first_equals_sign() -> None:
    assert parse_override("data.root=a=b") == ("data.root", "a=b")
