"""Reading an exported encoder back."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from hmlc_ray import __version__
from hmlc_ray.config.encoder import without_weights
from hmlc_ray.config.plugins import lacking
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.encoders import build_encoder
from hmlc_ray.errors import CheckpointError, UserError, first_line, system_reason
from hmlc_ray.files.json_text import parse_json
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.training.checkpoint import Checkpoint
from hmlc_ray.training.export.encoder import CONFIG_FILE, WEIGHTS_FILE, encoder_of
from hmlc_ray.training.trained import TrainedEncoder


def trained_encoder(checkpoint: Checkpoint) -> TrainedEncoder:
    """The encoder of a checkpoint with its preprocessing, in evaluation mode on the CPU.

    Raises:
        CheckpointError: if the weights are not those of the encoder that the configuration names.
    """
    return TrainedEncoder(
        encoder_of(checkpoint),
        config=checkpoint.config,
        taxonomy=checkpoint.taxonomy,
        input_shape=checkpoint.input_shape,
    ).eval()


def is_export(folder: Path) -> bool:
    """Whether a folder holds an exported encoder."""
    return (folder / WEIGHTS_FILE).is_file() and (folder / CONFIG_FILE).is_file()


def read_export(folder: Path) -> TrainedEncoder:
    """The encoder in a folder that `export_encoder` wrote, in evaluation mode on the CPU. Nothing in it is executed.

    Raises:
        CheckpointError: if a file of it is missing or damaged, or of another version of hmlc-ray, or a plug-in that it
            names is not installed.
    """
    described = _described(folder)
    _refuse_missing_plugin(described, folder)
    try:
        config = validate(TrialConfig, described["trial"], CONFIG_FILE)
        taxonomy, shape = Taxonomy.from_dict(described["taxonomy"]), tuple(described["input_shape"])
        encoder = build_encoder(without_weights(config.encoder), shape)
    except (KeyError, TypeError, UserError) as error:
        raise CheckpointError(
            f"{folder} was exported by hmlc-ray {described.get('hmlc_ray_version')} or is damaged; this version, "
            f"{__version__}, cannot read it: {first_line(error)}"
        ) from error
    try:
        encoder.load_state_dict(torch.load(folder / WEIGHTS_FILE, map_location="cpu", weights_only=True))
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"{folder / WEIGHTS_FILE} is refused: it holds more than tensors") from error
    except (AttributeError, EOFError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{folder / WEIGHTS_FILE} is damaged or of another encoder: {first_line(error)}"
        ) from error
    return TrainedEncoder(encoder, config=config, taxonomy=taxonomy, input_shape=shape).eval()


def _refuse_missing_plugin(described: dict[str, Any], folder: Path) -> None:
    try:
        missing = lacking(described.get("plugins"))
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{folder / CONFIG_FILE} is damaged: its plugins are not a list of records") from error
    if missing is not None:
        raise CheckpointError(f"the exported encoder {folder} cannot be read: {missing}")


def _described(folder: Path) -> dict[str, Any]:
    file = folder / CONFIG_FILE
    try:
        values = parse_json(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} cannot be read: {system_reason(error)}") from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{file} is damaged: it holds no object")
    return values
