"""Samples without classes: every file of a folder, every row of a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from hmlc_ray.config.data import DataConfig, ImageFolderConfig, ManifestConfig
from hmlc_ray.config.features import FeaturesConfig
from hmlc_ray.config.points import MeshFolderConfig, PointFolderConfig
from hmlc_ray.data.base import Split
from hmlc_ray.data.feature_table import read_features
from hmlc_ray.data.mesh_sets import read_clouds
from hmlc_ray.data.stored import Listing, read_splits
from hmlc_ray.errors import DataError, system_reason
from hmlc_ray.folders.feature_places import find_table
from hmlc_ray.folders.suffixes import IMAGE_SUFFIXES, MESH_SUFFIXES, POINT_SUFFIXES
from hmlc_ray.folders.walk import files_below
from hmlc_ray.names.counts import many
from hmlc_ray.tables.csv_files import BadTable, read_table
from hmlc_ray.tables.listed_paths import BadPath, ListedPaths


def load_unlabelled(config: DataConfig) -> Split:
    """All samples of a folder, wherever in it they lie, of a table, or of the column `path` of a CSV file.

    Returns:
        A split with -1 for every leaf.

    Raises:
        DataError: if there is no sample, or one cannot be read; see `read_splits`, `read_clouds` and `read_features`.
    """
    if isinstance(config, FeaturesConfig):
        return _rows(config)
    if isinstance(config, ManifestConfig):
        file = Path(config.file).expanduser().absolute()
        files = list(_listed(file))
        if not files:
            raise DataError(f"{str(file)!r} lists no file")
        return _of_no_class(_images(config, files, file.parent))
    assert isinstance(config, ImageFolderConfig | MeshFolderConfig | PointFolderConfig), "other data has classes"
    root = Path(config.root).expanduser().absolute()
    if isinstance(config, ImageFolderConfig):
        return _of_no_class(_images(config, files_below(root, IMAGE_SUFFIXES), root))
    suffixes = POINT_SUFFIXES if isinstance(config, PointFolderConfig) else MESH_SUFFIXES
    clouds, sound = read_clouds(config, files_below(root, suffixes), root)
    return _of_no_class(replace(clouds, rows=torch.from_numpy(np.flatnonzero(sound))))


def _of_no_class(split: Split) -> Split:
    count = len(split.inputs if split.rows is None else split.rows)
    return replace(split, leaf=torch.full((count,), -1))


def _images(config: ImageFolderConfig | ManifestConfig, files: list[Path], root: Path) -> Split:
    listing = Listing(files, np.full(len(files), -1))
    return read_splits({"test": listing}, config, root, config.channels)["test"]


def _listed(file: Path) -> Iterator[Path]:
    """The files that a CSV file lists in its column `path`."""
    listed, column = ListedPaths(file.parent), None
    try:
        for line, cells in read_table(file, ["path"]):
            names = [name.lower() for name in cells]
            if column is None:
                if "path" not in names:
                    raise DataError(f"{str(file)!r} has no column path, which lists files, but {', '.join(cells)}")
                column = names.index("path")
                continue
            try:
                yield listed.find(cells[column] if column < len(cells) else "")
            except BadPath as error:
                raise DataError(f"line {line} of {str(file)!r}: {error}") from None
    except (OSError, BadTable) as error:
        raise DataError(f"cannot read the list {str(file)!r}: {system_reason(error)}") from error


def _rows(config: FeaturesConfig) -> Split:
    file = find_table(config.file)
    table = read_features(file, config.array, config.levels)
    bad = np.flatnonzero(~np.isfinite(table).all(axis=1))
    if len(bad):
        raise DataError(
            f"row {bad[0]} of {str(file)!r} holds a number that is not finite, one of {many(len(bad), 'such row')}"
        )
    if not len(table):
        raise DataError(f"the table of features {str(file)!r} has no rows")
    return _of_no_class(Split(torch.from_numpy(table), torch.empty(0), mapped=isinstance(table, np.memmap)))
