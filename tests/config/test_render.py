"""Every kind of bad value gives one exact sentence."""

from __future__ import annotations

import pytest

from hmlc_ray.config.load import parse_yaml
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.errors import ConfigError

KINDS = "simclr, supcon, sum-supcon, hmc, hce, hmce, g-hmlc, a-hmlc, mlcl, bhcl, cross-entropy"
LEVELS = "temperature, level_weights, level_ratio, imbalance, imbalance_gamma, prototype_momentum, chunk, kind"
TEMPERATURE = "a number above 0 and of at most 10, or a list of values, each a number above 0 and of at most 10"
CASES = {
    "trainng: {}": "unknown key trainng (did you mean 'training'?); the top level takes "
    "seed, data, views, encoder, head, objective, optimiser, training, evaluation",
    "objective: {kind: a-hmlc, temprature: 1}": "unknown key objective.temprature (did you mean 'temperature'?); "
    f"objective of kind a-hmlc takes {LEVELS}, attention_temperature, bottleneck, initial_bias, overlap_penalty",
    "objective: {kind: sum-supcon, mixture_components: 3}": "unknown key objective.mixture_components "
    f"(it belongs to kind g-hmlc); objective of kind sum-supcon takes {LEVELS}",
    "head: {hiden: 3}": "unknown key head.hiden (did you mean 'hidden_dim'?); "
    "head takes hidden_dim, layers, embedding_dim",
    "objective: {temperature: -1}": f"objective.temperature must be {TEMPERATURE}, got -1",
    "objective: {temperature: [0.1, -1]}": f"objective.temperature must be {TEMPERATURE}, got [0.1, -1]",
    "objective: {temperature: '0.1'}": f'objective.temperature must be {TEMPERATURE}, got "0.1"',
    "objective: {mixture_components: 0}": "objective."
    "mixture_components must be an integer from 1 to 64, or null, got 0",
    "objective: {level_weights: [0, 0]}": "objective: level_weights must hold at least one positive weight",
    "objective: {kind: ghmlc}": f"objective.kind is \"ghmlc\" (did you mean 'g-hmlc'?); the kinds are {KINDS}",
    "encoder: {kind: 3}": "encoder.kind is 3; the kinds are convnet, resnet18, mlp",
    "data: {kind: cifar}": 'data.kind is "cifar"; the kinds are digits, mnist, image-folder',
    "objective: g-hmlc": 'objective must be a section of keys, got "g-hmlc"',
    "training: {epochs: true}": "training.epochs must be an integer of at least 1, got true",
    "training: {epochs: 2.5}": "training.epochs must be an integer of at least 1, got 2.5",
    "training: {epochs: 0, global_batch_size: 1}": "training.epochs "
    "must be an integer of at least 1, got 0 (and 1 more)",
    "training: {amp: on}": 'training.amp must be one of auto, off, bf16, got "on"',
    "training: {deterministic: 1}": "training.deterministic must be true or false, got 1",
    "optimiser: {warmup_epochs: 30}": "optimiser.warmup_epochs (30) must not exceed training.epochs (20)",
    "optimiser: {learning_rate: .inf}": "optimiser.learning_rate must be a number above 0 and of at most 100, "
    "got Infinity",
    "data: {kind: image-folder}": "data.root is missing; it must be text, not empty",
    "data: {kind: image-folder, rot: x}": "unknown key data.rot (did you mean 'root'?); "
    "data of kind image-folder takes validation_fraction, test_fraction, split_seed, train_on, kind, root, image_size, "
    "channels, level_names, on_bad_file (and 1 more)",
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
