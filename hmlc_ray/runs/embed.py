"""The features that a trained encoder gives for a data set, as a table that can be trained on in turn."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hmlc_ray.compute.devices import resolve_device
from hmlc_ray.config.data import DataConfig, StoredSection
from hmlc_ray.config.features import FeaturesConfig
from hmlc_ray.config.moved import followed
from hmlc_ray.config.overrides import apply_overrides
from hmlc_ray.config.paths import Overrides, parse_overrides
from hmlc_ray.config.points import MeshFolderConfig, ModelNetConfig, PointFolderConfig, PointSetSection
from hmlc_ray.config.schema import kinds
from hmlc_ray.config.target import load_target
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.data import load_data
from hmlc_ray.data.base import DataSet
from hmlc_ray.data.feature_files import TABLE_FILE, check_free, write_table
from hmlc_ray.data.report import splits_of
from hmlc_ray.errors import DataError
from hmlc_ray.evaluation import embed
from hmlc_ray.folders.feature_places import SUFFIXES
from hmlc_ray.folders.suffixes import MESH_SUFFIXES
from hmlc_ray.home import Home
from hmlc_ray.runs.encoders import find_encoder
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
    source: str | os.PathLike[str],
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
    _check_fits(encoder, loaded, data or "its data")
    encoder, splits = encoder.to(resolve_device("auto")), splits_of(loaded)
    with kernels(encoder.config.training, encoder.device):
        features = {
            name: embed(encoder.encoder, split.inputs, encoder.device, rows=split.rows)
            for name, split in splits.items()
        }
    write_table(out, features, loaded, splits)
    rows = {name: len(split) for name, split in splits.items()}
    return EmbeddedTable(out / TABLE_FILE, rows, encoder.feature_dim, loaded.notes)


def _data_config(encoder: TrainedEncoder, data: str | None, overrides: Overrides, home: Home) -> DataConfig:
    """The configuration of the data, with all samples in their splits."""
    pairs = parse_overrides(overrides)
    own = followed(encoder.config, home)
    known = kinds(TrialConfig.model_fields["data"])
    if data is None:
        values: dict[str, Any] = {"data": own.data.model_dump(mode="json")}
    elif data in known or data.endswith((".yaml", ".yml")):
        values = {"data": load_target(data, pairs).data.model_dump(mode="json")}
    else:
        values = {"data": _of_path(encoder, own.data, Path(data).expanduser().absolute())}
    values["data"]["train_on"] = "train"
    return validate(TrialConfig, apply_overrides(TrialConfig, values, pairs), data or "the data of the run").data


def _of_path(encoder: TrainedEncoder, own: DataConfig, path: Path) -> dict[str, Any]:
    """The `data` section of a folder or file, with the samples that the encoder takes."""
    if not path.exists():
        raise DataError(f"there is no folder, file or kind of data {str(path)!r}")
    if len(encoder.input_shape) == 1 or path.suffix.lower() in SUFFIXES:
        return {"kind": "features", "file": str(path)} | _kept(own, FeaturesConfig, "array", "levels")
    if len(encoder.input_shape) == 2:
        return _of_clouds(own, path, encoder.input_shape)
    channels, height, _ = encoder.input_shape
    reading = _kept(own, StoredSection, "background", "value_range", "max_pixels", "on_bad_file")
    size = {"channels": channels, "image_size": height}
    if path.is_file():
        return {"kind": "manifest", "file": str(path)} | size | reading
    return {"kind": "image-folder", "root": str(path)} | size | reading


def _of_clouds(own: DataConfig, path: Path, shape: tuple[int, ...]) -> dict[str, Any]:
    only_meshes = MESH_SUFFIXES - {".ply"}
    meshes = isinstance(own, MeshFolderConfig | ModelNetConfig) and not isinstance(own, PointFolderConfig)
    suffixes = {file.suffix.lower() for file in path.rglob("*") if file.is_file()}
    meshes = bool(suffixes & only_meshes) or (meshes and ".ply" in suffixes)
    points = {"num_points": shape[0], "normals": shape[1] == 6}
    reading = _kept(own, PointSetSection, "sample_seed", "on_bad_file")
    scaling = _kept(own, PointFolderConfig, "scaling") if not meshes else {}
    return {"kind": "mesh-folder" if meshes else "point-folder", "root": str(path)} | points | reading | scaling


def _kept(own: DataConfig, section: type, *keys: str) -> dict[str, Any]:
    """Settings of the data that the encoder was trained on, where it is of that kind."""
    if not isinstance(own, section):
        return {}
    values = own.model_dump(mode="json")
    return {key: values[key] for key in keys if values.get(key) is not None}


def _check_fits(encoder: TrainedEncoder, data: DataSet, name: str) -> None:
    wanted, given, free = encoder.input_shape, data.input_shape, encoder.encoder.free_dims
    fits = len(wanted) == len(given) and all(
        one == other or dim in free for dim, (one, other) in enumerate(zip(wanted, given, strict=True), start=1)
    )
    if not fits:
        raise DataError(f"the encoder takes samples of shape {list(wanted)}, but those of {name} have {list(given)}")
