"""The features that a trained encoder gives for a data set, as a table that can be trained on in turn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hmlc_ray.compute.devices import resolve_device
from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.moved import followed
from hmlc_ray.config.overrides import apply_overrides
from hmlc_ray.config.paths import Overrides, parse_overrides
from hmlc_ray.config.target import load_target
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.data import load_data
from hmlc_ray.data.feature_files import TABLE_FILE, check_free, write_table
from hmlc_ray.data.report import all_splits
from hmlc_ray.evaluation import embed
from hmlc_ray.home import Home
from hmlc_ray.machine.activity import doing
from hmlc_ray.runs.encoders import find_encoder
from hmlc_ray.runs.given_data import check_accepts, is_described, section_of_path
from hmlc_ray.runs.sources import Source
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.training.seeding import kernels
from hmlc_ray.training.trained import TrainedEncoder


@dataclass(frozen=True)
class EmbeddedTable:
    """A table that was written."""

    file: Path
    rows: dict[str, int]
    """Number of rows, by split."""
    feature_dim: int
    notes: tuple[str, ...]
    """Notes on the data set."""


def embed_data(
    source: Source,
    data: str | None,
    out: Path,
    workspace: Workspace,
    overrides: Overrides = (),
) -> EmbeddedTable:
    """Write the features of a data set into a folder, as `features.npy` and `labels.csv`.

    Args:
        source: the encoder, see `find_encoder`.
        data: a folder of samples with their classes, a table of features, a manifest, a YAML file, or a kind of data;
            None: what the encoder was trained on. Of a folder, images have the size, and clouds the points, that the
            encoder was trained on.
        out: a folder, made where it is missing.
        overrides: keys of `data` with other values.

    Raises:
        CheckpointError, StudyError: see `find_encoder`.
        ConfigError: if an override is wrong.
        DataError: if the data cannot be read or does not fit the encoder, or `out` cannot be written.
    """
    check_free(out)
    encoder = find_encoder(source, workspace)
    config = _data_config(encoder, data, overrides, workspace.home)
    with workspace.home.current():
        loaded = load_data(config)
    check_accepts(encoder.encoder, encoder.input_shape, loaded.input_shape, data or "its data")
    encoder, splits = encoder.to(resolve_device("auto")), all_splits(loaded)
    with kernels(encoder.config.training, encoder.device):
        features = {
            name: embed(encoder.encoder, split.inputs, encoder.device, rows=split.rows)
            for name, split in splits.items()
        }
    doing(f"writing {out}")
    write_table(out, features, loaded, splits)
    rows = {name: len(split) for name, split in splits.items()}
    return EmbeddedTable(out / TABLE_FILE, rows, encoder.feature_dim, loaded.notes)


def _data_config(encoder: TrainedEncoder, data: str | None, overrides: Overrides, home: Home) -> DataConfig:
    """The configuration of the data, with all samples in their splits."""
    pairs = parse_overrides(overrides)
    own = followed(encoder.config, home)
    if data is None:
        values: dict[str, Any] = {"data": own.data.model_dump(mode="json")}
    elif is_described(data):
        values = {"data": load_target(data, pairs).data.model_dump(mode="json")}
    else:
        values = {"data": section_of_path(encoder.input_shape, own.data, Path(data).expanduser().absolute())}
    values["data"]["train_on"] = "train"
    return validate(TrialConfig, apply_overrides(TrialConfig, values, pairs), data or "the data of the run").data
