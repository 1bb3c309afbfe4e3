"""An exported encoder read back, from its weights and its description.

Not from `encoder.pt2`: torch unpickles objects in such a file, so one that a stranger made could run anything.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import NamedTuple

import torch

from hmlc_ray.config.encoder import without_weights
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.encoders import Encoder, build_encoder
from hmlc_ray.errors import CheckpointError, first_line
from hmlc_ray.training.checkpoint import Checkpoint
from hmlc_ray.training.export.encoder import CONFIG_FILE, WEIGHTS_FILE, encoder_of


class Exported(NamedTuple):
    """An encoder, and what it was trained as."""

    encoder: Encoder
    """In eval mode, on the CPU."""
    config: TrialConfig
    input_shape: tuple[int, ...]
    fingerprint: str
    """Of the data that it was trained on."""


def exported_of(checkpoint: Checkpoint) -> Exported:
    """What exporting the checkpoint would write.

    Raises:
        CheckpointError: see `encoder_of`.
    """
    return Exported(encoder_of(checkpoint), checkpoint.config, checkpoint.input_shape, checkpoint.fingerprint)


def read_export(folder: Path) -> Exported:
    """The encoder in a folder that `export_encoder` wrote; nothing in it is executed.

    Raises:
        CheckpointError: if a file is missing or damaged, or weights and description do not belong together.
    """
    try:
        description = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        config = TrialConfig.model_validate(description["trial"])
        shape = tuple(int(size) for size in description["input_shape"])
        encoder = build_encoder(without_weights(config.encoder), shape)
        encoder.load_state_dict(torch.load(folder / WEIGHTS_FILE, map_location="cpu", weights_only=True))
        return Exported(encoder.eval(), config, shape, str(description["data_fingerprint"]))
    except FileNotFoundError as error:
        raise CheckpointError(f"{folder} is no exported encoder: it has no {Path(str(error.filename)).name}") from None
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"the encoder in {folder} is refused: {WEIGHTS_FILE} holds more than tensors") from error
    except (ArithmeticError, AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointError(f"the encoder in {folder} cannot be read: {first_line(error)[:200]}") from error
