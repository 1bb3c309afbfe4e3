"""Every kind of bad value gives one exact sentence."""

from __future__ import annotations

import pytest

from hmlc_ray.config.load import parse_yaml
from hmlc_ray.config.schema import kinds
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.errors import ConfigError

OBJECTIVES = kinds(TrialConfig.model_fields["objective"])
KINDS = ", ".join(OBJECTIVES)
A_HMLC, SUM_SUPCON = (", ".join(OBJECTIVES[kind].model_fields) for kind in ("a-hmlc", "sum-supcon"))
IMAGE_FOLDER = ", ".join(kinds(TrialConfig.model_fields["data"])["image-folder"].model_fields)
ENCODERS, DATA = (", ".join(kinds(TrialConfig.model_fields[name])) for name in ("encoder", "data"))
TOP = ", ".join(TrialConfig.model_fields)
TEMPERATURE = "a number above 0 and of at most 10, or a list of values, each a number above 0 and of at most 10"
CASES = {
    "trainng: {}": f"unknown key trainng (did you mean 'training'?); the top level takes {TOP}",
    "objective: {kind: a-hmlc, temprature: 1}": "unknown key objective.temprature (did you mean 'temperature'?); "
    f"objective of kind a-hmlc takes {A_HMLC}",
    "objective: {kind: sum-supcon, mixture_components: 3}": "unknown key objective.mixture_components "
    f"(it belongs to kind g-hmlc); objective of kind sum-supcon takes {SUM_SUPCON}",
    "head: {hiden: 3}": "unknown key head.hiden (did you mean 'hidden_dim'?); "
    "head of kind mlp takes kind, hidden_dim, layers, embedding_dim",
    "objective: {temperature: -1}": f"objective.temperature must be {TEMPERATURE}, got -1",
    "objective: {temperature: [0.1, -1]}": f"objective.temperature must be {TEMPERATURE}, got [0.1, -1]",
    "objective: {temperature: '0.1'}": f'objective.temperature must be {TEMPERATURE}, got "0.1"',
    "objective: {mixture_components: 0}": "objective."
    "mixture_components must be an integer from 1 to 64, or null, got 0",
    "objective: {level_weights: [0, 0]}": "objective.level_weights: it must hold at least one positive weight",
    "objective: {kind: cross-entropy, level_weights: [0, 0]}": (
        "objective.level_weights: it must hold at least one positive weight"
    ),
    "data: {train_on: train+val}": (
        "data.train_on is train+val, which leaves no validation split to choose the probe's regularisation on: "
        "give it as evaluation.chosen_regularisation"
    ),
    "objective: {kind: ghmlc}": f"objective.kind is \"ghmlc\" (did you mean 'g-hmlc'?); the kinds are {KINDS}",
    "encoder: {kind: 3}": f"encoder.kind is 3; the kinds are {ENCODERS}",
    "data: {kind: digit}": f"data.kind is \"digit\" (did you mean 'digits'?); the kinds are {DATA}",
    "objective: g-hmlc": 'objective must be a section of keys, got "g-hmlc"',
    "training: {epochs: true}": "training.epochs must be an integer of at least 1, got true",
    "training: {epochs: 2.5}": "training.epochs must be an integer of at least 1, got 2.5",
    "training: {epochs: 0, global_batch_size: 1}": "training.epochs "
    "must be an integer of at least 1, got 0 (and 1 more)",
    "training: {global_batch_size: 1}": "training.global_batch_size must be an integer of at least 2, got 1",
    "training: {amp: on}": 'training.amp must be one of auto, off, bf16, got "on"',
    "training: {deterministic: 1}": "training.deterministic must be true or false, or null, got 1",
    "optimiser: {warmup_epochs: 30}": "optimiser.warmup_epochs (30) must not exceed training.epochs (20)",
    "optimiser: {learning_rate: .inf}": "optimiser.learning_rate must be a number above 0 and of at most 100, "
    "got Infinity",
    "data: {kind: image-folder}": "data.root is missing: give it in the file or by -o data.root=...; "
    "it must be text, not empty",
    "data: {kind: image-folder, rot: x}": "unknown key data.rot (did you mean 'root'?); "
    f"data of kind image-folder takes {IMAGE_FOLDER} (and 1 more)",
    "views: {crop_scale: [1]}": "views.crop_scale must be a list of 2 values, each a number, got [1]",
    "evaluation: {probe_regularisation: []}": "evaluation.probe_regularisation must be a non-empty list of values, "
    "each a number above 0, got []",
    "seed: -1": "seed must be an integer of at least 0 and below 4294967296, got -1",
    "[]": "the file must hold a mapping, got []",
}


@pytest.mark.parametrize("text", CASES)
def test_sentence(text: str) -> None:
    with pytest.raises(ConfigError) as error:
        validate(TrialConfig, parse_yaml(text, "f.yaml"), "f.yaml")
    assert str(error.value) == f"f.yaml: {CASES[text]}"


def test_long_values_are_cut() -> None:
    with pytest.raises(ConfigError) as error:
        validate(TrialConfig, {"training": {"amp": "x" * 500}}, "f.yaml")
    assert len(str(error.value)) < 200


def test_integers_pass_for_numbers_and_lists_for_tuples() -> None:
    config = validate(TrialConfig, {"views": {"crop_scale": [1, 1]}, "optimiser": {"learning_rate": 1}}, "f.yaml")
    assert config.views.crop_scale == (1.0, 1.0)
    assert isinstance(config.optimiser.learning_rate, float)
