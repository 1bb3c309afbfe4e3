"""Data that a command is given for a trained encoder, read as the encoder takes its samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hmlc_ray.config.data import DataConfig, HfDatasetConfig, StoredSection
from hmlc_ray.config.features import FeaturesConfig
from hmlc_ray.config.points import MeshFolderConfig, ModelNetConfig, PointFolderConfig, PointSetSection
from hmlc_ray.config.schema import kinds
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.encoders import Encoder
from hmlc_ray.errors import DataError
from hmlc_ray.folders.feature_places import SUFFIXES
from hmlc_ray.folders.hf_columns import propose_columns
from hmlc_ray.folders.hf_dataset import is_saved
from hmlc_ray.folders.suffixes import MESH_SUFFIXES

Shape = tuple[int, ...]


def is_described(data: str) -> bool:
    """Whether a kind of data or a YAML file says how the data is read."""
    return data in kinds(TrialConfig.model_fields["data"]) or data.endswith((".yaml", ".yml"))


def section_of_path(shape: Shape, own: DataConfig, path: Path) -> dict[str, Any]:
    """The `data` section of a folder or file, with the samples that an encoder takes.

    Args:
        shape: of one sample.
        own: what the encoder was trained on.

    Raises:
        DataError: if there is nothing at the path.
    """
    if not path.exists():
        raise DataError(f"there is no folder, file or kind of data {str(path)!r}")
    if len(shape) == 1 or path.suffix.lower() in SUFFIXES:
        return {"kind": "features", "file": str(path)} | _kept(own, FeaturesConfig, "array", "levels")
    if len(shape) == 2:
        return _of_clouds(own, path, shape)
    channels, height, _ = shape
    reading = _kept(own, StoredSection, "background", "value_range", "max_pixels", "on_bad_file")
    size = {"channels": channels, "image_size": height}
    if path.is_dir() and is_saved(path):
        columns = _kept(own, HfDatasetConfig, "image", "levels", "level_names") or propose_columns(path)
        return {"kind": "hf-dataset", "root": str(path)} | columns | size | reading
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


def check_accepts(encoder: Encoder, wanted: Shape, given: Shape, name: str) -> None:
    """Check that an encoder which was trained on samples of one shape takes those of another.

    Raises:
        DataError: if it does not.
    """
    free = encoder.free_dims
    fits = len(wanted) == len(given) and all(
        one == other or dim in free for dim, (one, other) in enumerate(zip(wanted, given, strict=True), start=1)
    )
    if not fits:
        raise DataError(f"the encoder takes samples of shape {list(wanted)}, but those of {name} have {list(given)}")
