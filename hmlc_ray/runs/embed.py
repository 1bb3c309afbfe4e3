"""The features that a trained encoder gives for a data set, as a table that can be trained on in turn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hmlc_ray.compute.devices import resolve_device
from hmlc_ray.config.data import DataConfig, StoredSection
from hmlc_ray.config.features import FeaturesConfig
from hmlc_ray.config.moved import followed
from hmlc_ray.config.overrides import apply_overrides
from hmlc_ray.config.paths import parse_override
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
from hmlc_ray.runs.single import find_checkpoint
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.training.export.encoder import CONFIG_FILE
from hmlc_ray.training.export.reopen import Exported, exported_of, read_export
from hmlc_ray.training.seeding import kernels


@dataclass(frozen=True)
class Embedded:
    """A table that was written."""

    file: Path
    rows: dict[str, int]
    """Per split."""
    feature_dim: int
    notes: tuple[str, ...]
    """Of the data set."""


def embed_data(
    target: str,
    data: str | None,
    out: Path,
    *,
    workspace: Workspace,
    overrides: Iterable[str] = (),
) -> Embedded:
    """Write the features of a data set into a folder, as `features.npy` and `labels.csv`.

    Args:
        target: an MLflow run's id, a checkpoint folder, or a folder with an exported encoder.
        data: a folder of samples with their classes, a table of features, a manifest, a YAML file, or a kind of data;
            None: what the encoder was trained on. Of a folder, images have the size, and clouds the points, that the
            encoder was trained on.
        out: a folder, made where it is missing.
        overrides: `data.key=value` texts.

    Raises:
        CheckpointError: if the target is none of these, or is damaged.
        ConfigError: if an override is wrong.
        DataError: if the data cannot be read or does not fit the encoder, or `out` cannot be written.
    """
    check_free(out)
    exported = _encoder(target, workspace)
    config = _data_config(exported, data, overrides, workspace.home)
    with workspace.home.current():
        found = load_data(config)
    _check_fits(exported, found, data or "its data")
    device = resolve_device("auto")
    encoder, splits = exported.encoder.to(device), splits_of(found)
    with kernels(exported.config.training):
        features = {name: embed(encoder, split.inputs, device, rows=split.rows) for name, split in splits.items()}
    write_table(out, features, found, splits)
    rows = {name: len(split) for name, split in splits.items()}
    return Embedded(out / TABLE_FILE, rows, encoder.feature_dim, found.notes)


def _encoder(target: str, workspace: Workspace) -> Exported:
    place = Path(target)
    folder = place.parent if place.is_file() else place
    if (folder / CONFIG_FILE).is_file() and not (folder / "meta.json").is_file():
        return read_export(folder)
    return exported_of(find_checkpoint(target, workspace))


def _data_config(exported: Exported, data: str | None, overrides: Iterable[str], home: Home) -> DataConfig:
    """The data that is meant, with all samples in their splits."""
    pairs = [parse_override(text) for text in overrides]
    own = followed(exported.config, home)
    known = kinds(TrialConfig.model_fields["data"])
    if data is None:
        values: dict[str, Any] = {"data": own.data.model_dump(mode="json")}
    elif data in known or data.endswith((".yaml", ".yml")):
        values = {"data": load_target(data, overrides).data.model_dump(mode="json")}
    else:
        values = {"data": _of_path(exported, own.data, Path(data).expanduser().absolute())}
    values["data"]["train_on"] = "train"
    return validate(TrialConfig, apply_overrides(TrialConfig, values, pairs), data or "the data of the run").data


def _of_path(exported: Exported, own: DataConfig, place: Path) -> dict[str, Any]:
    """The section of a folder or file, as what the encoder takes."""
    if not place.exists():
        raise DataError(f"there is no folder, file or kind of data {str(place)!r}")
    if len(exported.input_shape) == 1 or place.suffix.lower() in SUFFIXES:
        return {"kind": "features", "file": str(place)} | _kept(own, FeaturesConfig, "array", "levels")
    if len(exported.input_shape) == 2:
        return _of_clouds(own, place, exported.input_shape)
    channels, height, _ = exported.input_shape
    reading = _kept(own, StoredSection, "background", "value_range", "max_pixels", "on_bad_file")
    size = {"channels": channels, "image_size": height}
    if place.is_file():
        return {"kind": "manifest", "file": str(place)} | size | reading
    return {"kind": "image-folder", "root": str(place)} | size | reading


def _of_clouds(own: DataConfig, place: Path, shape: tuple[int, ...]) -> dict[str, Any]:
    only_meshes = MESH_SUFFIXES - {".ply"}
    meshes = isinstance(own, MeshFolderConfig | ModelNetConfig) and not isinstance(own, PointFolderConfig)
    suffixes = {file.suffix.lower() for file in place.rglob("*") if file.is_file()}
    meshes = bool(suffixes & only_meshes) or (meshes and ".ply" in suffixes)
    points = {"num_points": shape[0], "normals": shape[1] == 6}
    reading = _kept(own, PointSetSection, "sample_seed", "on_bad_file")
    scaling = _kept(own, PointFolderConfig, "scaling") if not meshes else {}
    return {"kind": "mesh-folder" if meshes else "point-folder", "root": str(place)} | points | reading | scaling


def _kept(own: DataConfig, section: type, *keys: str) -> dict[str, Any]:
    """Settings of the data that the encoder was trained on, where it is of that kind."""
    if not isinstance(own, section):
        return {}
    values = own.model_dump(mode="json")
    return {key: values[key] for key in keys if values.get(key) is not None}


def _check_fits(exported: Exported, data: DataSet, name: str) -> None:
    wanted, given, free = exported.input_shape, data.input_shape, exported.encoder.free_dims
    fits = len(wanted) == len(given) and all(
        one == other or place in free for place, (one, other) in enumerate(zip(wanted, given, strict=True), start=1)
    )
    if not fits:
        raise DataError(f"the encoder takes samples of shape {list(wanted)}, but those of {name} have {list(given)}")
