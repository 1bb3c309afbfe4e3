"""Checkpoints: everything a run needs to resume, written so that a reader never sees half of one."""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from hmlc_ray import __version__
from hmlc_ray.config.plugins import records_of
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import CheckpointError, first_line
from hmlc_ray.files.atomic import staged_folder
from hmlc_ray.files.digests import sha256_of
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.training.checkpoint_files import (
    CONFIG_FILE,
    FORMAT,
    META_FILE,
    STATE_FILE,
    TAXONOMY_FILE,
    float_metrics,
    read_config,
    read_json,
    read_meta,
)


@dataclass(frozen=True)
class EpochRecord:
    """What is known after an epoch."""

    epoch: int
    """Epochs done: 1 after the first."""
    metrics: dict[str, float]
    evaluated: bool
    """Whether `metrics` holds the judgement of the frozen features."""


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint read back: plain tensors and numbers, no pickled classes."""

    config: TrialConfig
    taxonomy: Taxonomy
    epochs_done: int
    metrics: dict[str, float]
    """The last evaluation."""
    chosen_regularisation: tuple[float, ...] | None
    """C of the linear probe per level, as chosen on validation."""
    input_shape: tuple[int, ...]
    fingerprint: str
    """Fingerprint of the data it was trained on."""
    state: dict[str, Any]
    """`learner`, `optimiser`, `schedule` (state dicts; masks are buffers of the learner), `rng` (torch's global
    generator), `masks` (float [H, D], or None), a copy that is readable without building the learner, `weights_prefix`
    (see `Encoder`), and `confusion` (by split and level name int64 [C_h, C_h], sparse where there are many classes;
    empty before the last evaluation)."""
    history: tuple[EpochRecord, ...] = ()
    """Every epoch so far, as far as the checkpoint that the run resumed from has them. Reports that were lost because
    the receiver was killed are repeated from here."""


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint folder atomically: it appears under its name when complete, or not at all.

    A folder of that name, an older checkpoint, is replaced.

    Raises:
        OSError: if the disk is full or not writable; the older checkpoint is then still there.
    """
    with staged_folder(folder) as staging:
        write_checkpoint_files(staging, checkpoint)


def write_checkpoint_files(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the files into an existing folder, for callers that publish it atomically by themselves.

    Raises:
        OSError: if the disk is full or not writable.
    """
    try:
        torch.save(checkpoint.state, folder / STATE_FILE)
    except RuntimeError as error:  # torch's word for a full disk
        raise OSError(f"{STATE_FILE} cannot be written: {first_line(error)}") from error
    meta = {
        "format": FORMAT,
        "package_version": __version__,
        "plugins": records_of(checkpoint.config),
        "epochs_done": checkpoint.epochs_done,
        "metrics": checkpoint.metrics,
        "chosen_regularisation": checkpoint.chosen_regularisation,
        "input_shape": checkpoint.input_shape,
        "data_fingerprint": checkpoint.fingerprint,
        "state_sha256": sha256_of(folder / STATE_FILE),
        "history": [asdict(record) for record in checkpoint.history],
    }
    _write_json(folder / CONFIG_FILE, checkpoint.config.model_dump(mode="json"))
    _write_json(folder / TAXONOMY_FILE, checkpoint.taxonomy.to_dict())
    _write_json(folder / META_FILE, meta)


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read a checkpoint onto the CPU; nothing in it is executed.

    Raises:
        CheckpointError: if the folder is not a checkpoint, a file is truncated, or its format is unknown.
    """
    meta = read_meta(folder)
    if not (folder / STATE_FILE).is_file() or sha256_of(folder / STATE_FILE) != meta.get("state_sha256"):
        raise CheckpointError(f"checkpoint {folder} is damaged: {STATE_FILE} is missing or not what was written")
    try:
        return Checkpoint(
            config=read_config(folder, meta),
            taxonomy=Taxonomy.from_dict(read_json(folder / TAXONOMY_FILE)),
            epochs_done=int(meta["epochs_done"]),
            metrics=float_metrics(meta["metrics"]),
            chosen_regularisation=tuple(meta["chosen_regularisation"]) if meta["chosen_regularisation"] else None,
            input_shape=tuple(meta["input_shape"]),
            fingerprint=str(meta["data_fingerprint"]),
            state=torch.load(folder / STATE_FILE, map_location="cpu", weights_only=True),
            history=tuple(_record(entry) for entry in meta.get("history", ())),
        )
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        raise CheckpointError(f"checkpoint {folder} is refused: {STATE_FILE} holds more than tensors") from error
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"checkpoint {folder} is damaged: {first_line(error)}") from error


def _record(entry: dict[str, Any]) -> EpochRecord:
    return EpochRecord(int(entry["epoch"]), float_metrics(entry["metrics"]), bool(entry["evaluated"]))


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2, allow_nan=True) + "\n", encoding="utf-8")
