"""The plain encoder: what is left when training is over, readable without this package."""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from hmlc_ray import __version__
from hmlc_ray.checkpoint import Checkpoint
from hmlc_ray.config.encoder import without_weights
from hmlc_ray.config.points import PointSetSection
from hmlc_ray.encoders import Encoder, build_encoder
from hmlc_ray.errors import CheckpointError, first_line

WEIGHTS_FILE = "encoder.pt"
PROGRAM_FILE = "encoder.pt2"
CONFIG_FILE = "config.json"
MASKS_FILE = "masks.csv"


def export_encoder(checkpoint: Checkpoint, folder: Path) -> None:
    """Write the encoder without head, objective or optimiser.

    `encoder.pt` is a state dict (`torch.load(..., weights_only=True)`), `encoder.pt2` the whole network as a
    `torch.export` program (`torch.export.load(...).module()`), for any batch size, `config.json` says what goes in
    and what comes out, and `masks.csv` which feature dimensions of the embedding belonged to which level.
    """
    folder.mkdir(parents=True, exist_ok=True)
    encoder = encoder_of(checkpoint)
    torch.save(encoder.state_dict(), folder / WEIGHTS_FILE)
    _save_program(encoder, checkpoint.input_shape, folder / PROGRAM_FILE)
    (folder / CONFIG_FILE).write_text(json.dumps(_description(checkpoint, encoder), indent=2) + "\n", encoding="utf-8")
    write_mask_table(checkpoint, folder / MASKS_FILE)


def encoder_of(checkpoint: Checkpoint) -> Encoder:
    """The trained encoder of a checkpoint, in eval mode on the CPU.

    Raises:
        CheckpointError: if the weights are not those of the encoder that the configuration names.
    """
    # The file that training started from may be gone, and its weights are replaced anyway.
    encoder = build_encoder(without_weights(checkpoint.config.encoder), checkpoint.input_shape)
    prefix = "encoder."
    learner: dict[str, Tensor] = checkpoint.state["learner"]
    weights = {name.removeprefix(prefix): value for name, value in learner.items() if name.startswith(prefix)}
    try:
        encoder.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"the checkpoint's weights are of another encoder: {first_line(error)}") from error
    return encoder.eval()


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
        "encoder": checkpoint.config.encoder.model_dump(mode="json"),
        "input_shape": list(checkpoint.input_shape),
        "input_range": _input_range(checkpoint),
        "feature_dim": encoder.feature_dim,
        "taxonomy": checkpoint.taxonomy.to_dict(),
        "metrics": checkpoint.metrics,
        "data_fingerprint": checkpoint.fingerprint,
        "trial": checkpoint.config.model_dump(mode="json"),
    }


def _input_range(checkpoint: Checkpoint) -> str:
    if not isinstance(checkpoint.config.data, PointSetSection):
        return "uint8 / 127.5 - 1"
    return "float32; x, y, z less their mean, the farthest point at distance 1" + (
        "; then the unit normal" if checkpoint.config.data.normals else ""
    )


def _save_program(encoder: nn.Module, input_shape: tuple[int, ...], path: Path) -> None:
    batch = torch.export.Dim("batch", min=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside torch.export's own serialisation
        program = torch.export.export(encoder, (torch.zeros(2, *input_shape),), dynamic_shapes=({0: batch},))
        torch.export.save(program, path)
