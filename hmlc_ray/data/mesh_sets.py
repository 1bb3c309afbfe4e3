"""Sets of files of meshes or points: from a listing to splits of point clouds that share one mapped array."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from hmlc_ray.config.points import MeshFolderConfig, PointFilesSection, PointFolderConfig
from hmlc_ray.data.base import DataSet, Split, relative_paths
from hmlc_ray.data.splits import check_enough, divide
from hmlc_ray.meshes.clouds import Drawing
from hmlc_ray.meshes.files import Maker, Sampling, open_clouds, plural
from hmlc_ray.taxonomy import Taxonomy

_LOG = logging.getLogger(__name__)
Files = Sequence[Sequence[Path]]
"""Number of samples of each leaf."""


def load(config: MeshFolderConfig | PointFolderConfig) -> DataSet:
    """A `mesh-folder` or `point-folder`: clouds as float32 [N, points, channels], leaves in the order of their folders.

    Splits that the folder gives (`train`, `val`, `test`) are kept; the others are drawn from `train`.

    Raises:
        DataError: see `scan_folder`, `open_clouds` and `divide`.
        TaxonomyError: see `scan_folder`.
        ConfigError: if `level_names` does not hold one name per level.
    """
    tree = config.tree()
    taxonomy = Taxonomy.from_paths(config.level_names or tree.level_names, tree.leaf_paths)
    root = Path(config.root).expanduser().absolute()
    return divide_clouds(config, taxonomy, tree.files, root, notes=tree.notes)


def divide_clouds(
    config: PointFilesSection,
    taxonomy: Taxonomy,
    splits: Mapping[str, Files],
    root: Path,
    *,
    notes: Sequence[str] = (),
) -> DataSet:
    """A data set from the files of each leaf in each split; no split is a copy.

    Raises:
        DataError: see `open_clouds` and `divide`.
    """
    # Too few files are reported before all of them are sampled.
    counts = {name: np.array([len(of_leaf) for of_leaf in leaves]) for name, leaves in splits.items()}
    check_enough(taxonomy, counts, untrained=config.untrained == "keep")
    parts = {name: list(chain.from_iterable(files)) for name, files in splits.items()}
    clouds, sound = read_clouds(config, list(chain.from_iterable(parts.values())), root)
    found, start = {}, 0
    for name, leaf_files in splits.items():
        rows = start + np.flatnonzero(sound[start : start + len(parts[name])])
        leaf = np.repeat(np.arange(len(leaf_files)), [len(of_leaf) for of_leaf in leaf_files])
        own = torch.from_numpy(leaf[rows - start])
        found[name] = replace(clouds, leaf=own, rows=torch.from_numpy(rows))
        start += len(parts[name])
    return divide(config, taxonomy, found["train"], found.get("val"), found.get("test"), notes=notes)


def read_clouds(config: PointFilesSection, files: Sequence[Path], root: Path) -> tuple[Split, npt.NDArray[np.bool_]]:
    """The clouds of files, without leaves, and which of the files are sound.

    Raises:
        DataError: see `open_clouds`.
    """
    maker = _maker(config)
    digest, stored = open_clouds(files, root, maker, strict=config.on_bad_file == "error")
    if stored.problems:
        first = min(stored.problems)
        text = "%d of %d %s were skipped; the first: %r, %s"
        nouns = plural(maker.noun)
        _LOG.warning(text, len(stored.problems), len(files), nouns, str(files[first]), stored.problems[first])
    sound = np.ones(len(files), dtype=np.bool_)
    sound[list(stored.problems)] = False
    clouds = torch.from_numpy(stored.clouds)
    return Split(clouds, torch.empty(0), None, digest, paths=relative_paths(files, root), mapped=True), sound


def _maker(config: PointFilesSection) -> Maker:
    if isinstance(config, PointFolderConfig):
        return Drawing(config.num_points, config.normals, config.sample_seed, config.scaling)
    return Sampling(config.num_points, config.normals, config.sample_seed)
