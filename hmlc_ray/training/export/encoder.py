"""The files of a plain encoder."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import torch
from torch import Tensor, nn

from hmlc_ray import __version__
from hmlc_ray.config.encoder import without_weights
from hmlc_ray.config.features import FeaturesConfig
from hmlc_ray.config.plugins import records_of
from hmlc_ray.config.points import PointFolderConfig, PointSetSection
from hmlc_ray.encoders import Encoder, build_encoder, build_head
from hmlc_ray.errors import CheckpointError, first_line
from hmlc_ray.names.counts import many
from hmlc_ray.training.checkpoint import Checkpoint
from hmlc_ray.training.export.onnx_file import INPUT, OUTPUT, save_onnx
from hmlc_ray.training.export.program import devices, encoder_program, free_sizes
from hmlc_ray.training.export.quiet import quiet

WEIGHTS_FILE = "encoder.pt"
PROGRAM_FILE = "encoder.pt2"
ONNX_FILE = "encoder.onnx"
CONFIG_FILE = "config.json"
MASKS_FILE = "masks.csv"


def export_encoder(checkpoint: Checkpoint, folder: Path) -> list[str]:
    """Write the encoder without head, objective or optimiser.

    `encoder.pt` is a state dict (`torch.load(..., weights_only=True)`), `encoder.pt2` the whole network as a
    `torch.export` program (`torch.export.load(...).module()`), for any batch size and device, `encoder.onnx` the same
    as ONNX, `config.json` says what goes in and what comes out, and `masks.csv` which feature dimensions of the
    embedding belonged to which level.

    Returns:
        A sentence for each of the two whole networks that could not be written; the others are there all the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    encoder = encoder_of(checkpoint)
    torch.save(encoder.state_dict(), folder / WEIGHTS_FILE)
    write_mask_table(checkpoint, folder / MASKS_FILE)
    formats = _networks(encoder, checkpoint.input_shape, folder)
    description = {**_description(checkpoint, encoder), "formats": formats}
    (folder / CONFIG_FILE).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    return [f"{name} was not written: {found['missing']}" for name, found in formats.items() if "missing" in found]


def _networks(encoder: Encoder, input_shape: tuple[int, ...], folder: Path) -> dict[str, dict[str, object]]:
    """Write the network as a program and as ONNX; by file, what it takes, or why it is missing."""
    for name in (PROGRAM_FILE, ONNX_FILE):  # of an export before
        (folder / name).unlink(missing_ok=True)
    with quiet():
        try:
            program = encoder_program(encoder, input_shape)
            torch.export.save(program, folder / PROGRAM_FILE)
        except Exception as error:
            return {name: {"missing": _reason(error)} for name in (PROGRAM_FILE, ONNX_FILE)}
        sizes = {"sizes": free_sizes(program, encoder.free_dims)}
        found: dict[str, dict[str, object]] = {
            PROGRAM_FILE: {**sizes, "device": ", ".join(sorted(devices(program))) or "any"}
        }
        try:
            save_onnx(program, folder / ONNX_FILE)
            found[ONNX_FILE] = {**sizes, "input": INPUT, "output": OUTPUT}
        except Exception as error:
            found[ONNX_FILE] = {"missing": _reason(error)}
    return found


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {first_line(error)}"


def encoder_of(checkpoint: Checkpoint) -> Encoder:
    """The trained encoder of a checkpoint, in eval mode on the CPU.

    Raises:
        CheckpointError: if the weights are not those of the encoder that the configuration names.
    """
    # The file that training started from may be gone, and its weights are replaced anyway.
    encoder = build_encoder(without_weights(checkpoint.config.encoder), checkpoint.input_shape)
    _load(encoder, checkpoint, "encoder")
    return encoder.eval()


def head_of(checkpoint: Checkpoint, feature_dim: int) -> nn.Module:
    """The trained projection head of a checkpoint, in eval mode on the CPU.

    Args:
        feature_dim: of its encoder.

    Raises:
        CheckpointError: if the weights are not those of the head that the configuration names.
    """
    head = build_head(checkpoint.config.head, feature_dim)
    _load(head, checkpoint, "head")
    return head.eval()


def _load(module: nn.Module, checkpoint: Checkpoint, part: str) -> None:
    """Load the weights that a part of the learner ended with."""
    learner: dict[str, Tensor] = checkpoint.state["learner"]
    prefix = f"{part}."
    weights = {name.removeprefix(prefix): value for name, value in learner.items() if name.startswith(prefix)}
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"the checkpoint's weights are of another {part}: {first_line(error)}") from error


def write_mask_table(checkpoint: Checkpoint, path: Path) -> bool:
    """Write the feature masks as CSV: a row per embedding dimension, a column per level.

    False: there are none, and no table of an encoder that was exported here before is left.
    """
    masks = checkpoint.state.get("masks")
    if masks is None:
        path.unlink(missing_ok=True)
        return False
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["dimension", *checkpoint.taxonomy.level_names])
        writer.writerows([d, *(f"{value:.6g}" for value in column)] for d, column in enumerate(masks.T.tolist()))
    return True


def _description(checkpoint: Checkpoint, encoder: Encoder) -> dict[str, object]:
    return {
        "hmlc_ray_version": __version__,
        "plugins": records_of(checkpoint.config),
        "encoder": checkpoint.config.encoder.model_dump(mode="json"),
        "input_shape": list(checkpoint.input_shape),
        "input_layout": _input_layout(checkpoint),
        "input_range": _input_range(checkpoint),
        "preparation": _preparation(checkpoint),
        "feature_dim": encoder.feature_dim,
        "taxonomy": checkpoint.taxonomy.to_dict(),
        "metrics": checkpoint.metrics,
        "data_fingerprint": checkpoint.fingerprint,
        "trial": checkpoint.config.model_dump(mode="json"),
    }


def _input_layout(checkpoint: Checkpoint) -> str:
    layouts = {3: "channels, height, width", 2: "points, channels", 1: "features"}
    return f"float32 [batch, {layouts[len(checkpoint.input_shape)]}]"


def _preparation(checkpoint: Checkpoint) -> str:
    data = checkpoint.config.data
    if isinstance(data, FeaturesConfig):
        return f"a row of {many(checkpoint.input_shape[0], 'feature')} of the model that made the table"
    if isinstance(data, PointFolderConfig):
        return f"{checkpoint.input_shape[0]} of the points, at random"
    if isinstance(data, PointSetSection):
        return f"{many(checkpoint.input_shape[0], 'point')} drawn from the surface, in proportion to area"
    channels, height, width = checkpoint.input_shape
    mode = "L" if channels == 1 else "RGB"
    ground = getattr(data, "background", None)
    clear = "" if ground is None else f" (transparent pixels show the colour {list(ground)})"
    return (
        f"the image upright (EXIF), in mode {mode}{clear}, resized on the short side and cropped at the centre to "
        f"{height}x{width} (Pillow's ImageOps.fit, bilinear)"
    )


def _input_range(checkpoint: Checkpoint) -> str:
    data = checkpoint.config.data
    if isinstance(data, FeaturesConfig):
        return "float32, as in the table" + ("; the network standardises them first" if data.standardise else "")
    if not isinstance(data, PointSetSection):
        return "uint8 / 127.5 - 1"
    scaled = not isinstance(data, PointFolderConfig) or data.scaling == "unit-ball"
    coordinates = "x, y, z less their mean, the farthest point at distance 1" if scaled else "x, y, z"
    return f"float32; {coordinates}" + ("; then the unit normal" if data.normals else "")
