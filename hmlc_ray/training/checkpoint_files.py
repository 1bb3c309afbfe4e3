"""The files of a checkpoint folder, and what can be read of them without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hmlc_ray import __version__
from hmlc_ray.config.error_messages import render
from hmlc_ray.config.plugins import lacking
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import CheckpointError, first_line
from hmlc_ray.files.json_text import parse_json

FORMAT = 1
STATE_FILE = "state.pt"
META_FILE = "meta.json"
CONFIG_FILE = "config.json"
TAXONOMY_FILE = "taxonomy.json"


def read_summary(folder: Path) -> tuple[TrialConfig, dict[str, float]]:
    """The configuration of a checkpoint, and the metrics of its last evaluation.

    Needs `meta.json` and `config.json` of the folder alone.

    Raises:
        CheckpointError: if the folder is not a checkpoint, or its format is unknown.
    """
    meta = read_meta(folder)
    try:
        return read_config(folder, meta), float_metrics(meta["metrics"])
    except CheckpointError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"checkpoint {folder} is damaged: {first_line(error)}") from error


def read_config(folder: Path, meta: dict[str, Any]) -> TrialConfig:
    """The configuration of a checkpoint.

    Raises:
        CheckpointError: if its file is missing or damaged, or of a version that had other keys.
    """
    values = read_json(folder / CONFIG_FILE)
    try:
        return TrialConfig.model_validate(values)
    except ValidationError as error:
        raise CheckpointError(
            f"checkpoint {folder} was written by hmlc-ray {meta.get('package_version')} or is damaged; this version, "
            f"{__version__}, cannot read it: {render(error, TrialConfig, values, CONFIG_FILE)}"
        ) from error


def read_meta(folder: Path) -> dict[str, Any]:
    """What `meta.json` holds.

    Raises:
        CheckpointError: if it is missing, damaged or of an unknown format, or names a plug-in that is not installed.
    """
    meta = read_json(folder / META_FILE)
    if meta.get("format") != FORMAT:
        raise CheckpointError(
            f"checkpoint {folder} has format {meta.get('format')!r}; this version of hmlc-ray reads format {FORMAT}"
        )
    try:
        missing = lacking(meta.get("plugins"))
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"checkpoint {folder} is damaged: its plugins are not a list of records") from error
    if missing is not None:
        raise CheckpointError(f"checkpoint {folder} cannot be read: {missing}")
    return meta


def float_metrics(values: dict[str, Any]) -> dict[str, float]:
    """Metrics as they were written."""
    return {str(name): float(value) for name, value in values.items()}


def read_json(path: Path) -> dict[str, Any]:
    """One of the JSON files.

    Raises:
        CheckpointError: if it is missing or damaged.
    """
    try:
        value = parse_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{path.parent} is not a checkpoint: it has no {path.name}") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"checkpoint {path.parent} is damaged: {path.name} cannot be read ({error})") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"checkpoint {path.parent} is damaged: {path.name} holds no object")
    return value
