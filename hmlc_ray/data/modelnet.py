"""ModelNet40 and ModelNet10, in the folders that they are published in: `<class>/{train,test}/*.off`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hmlc_ray.config.points import ModelNetConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.data.mesh_sets import Files, divide_clouds
from hmlc_ray.errors import DataError
from hmlc_ray.folders.walk import check_folder, is_folder, sample_files
from hmlc_ray.taxonomies.named import MODELNET10_CLASSES, MODELNET40_COUNTS, modelnet40_taxonomy
from hmlc_ray.taxonomy import Taxonomy

_LOG = logging.getLogger(__name__)
_FOLDERS = {"modelnet40": "ModelNet40", "modelnet10": "ModelNet10"}
_PARTS = ("train", "test")


def load(config: ModelNetConfig) -> DataSet:
    """Clouds as float32 [N, points, channels], leaves in alphabetical order; the validation split is drawn.

    Raises:
        DataError: if the folder or a class is missing; see also `open_clouds` and `divide`.
    """
    root = _root(config)
    names = _classes(config, root)
    taxonomy = modelnet40_taxonomy(names)
    if config.own_taxonomy == "flat":
        taxonomy = Taxonomy.from_paths(("class",), [(name,) for name in names])
    splits = {part: [_meshes(root / name / part) for name in names] for part in _PARTS}
    _warn_of_other_counts(root, names, splits)
    if config.limit_per_class is not None:
        splits = {part: _limited(files, config.limit_per_class, config.split_seed) for part, files in splits.items()}
    if not any(splits["test"]):
        del splits["test"]  # where only training meshes were downloaded, test is drawn as well
    return divide_clouds(config, taxonomy, splits, root)


def _root(config: ModelNetConfig) -> Path:
    root = Path(config.root).expanduser().absolute()
    check_folder(root, "data.root")
    inner = root / _FOLDERS[config.variant]
    return inner if is_folder(inner) else root


def _classes(config: ModelNetConfig, root: Path) -> list[str]:
    names = sorted(MODELNET40_COUNTS) if config.variant == "modelnet40" else list(MODELNET10_CLASSES)
    present = [name for name in names if is_folder(root / name)]
    missing = [name for name in names if name not in present]
    if len(present) < 2:
        raise DataError(f"{str(root)!r} holds no class folders of {_FOLDERS[config.variant]}, such as {names[0]!r}")
    if missing and config.classes == "all":
        raise DataError(
            f"{str(root)!r} lacks {len(missing)} of the {len(names)} classes of {_FOLDERS[config.variant]}, "
            f"{missing[0]!r} for one; data.classes: present takes those that are there"
        )
    return present


def _meshes(folder: Path) -> list[Path]:
    return sample_files(folder, frozenset({".off"})) if is_folder(folder) else []


def _limited(files: Files, limit: int, seed: int) -> list[list[Path]]:
    """At most so many files of each leaf, a seeded choice, in their order."""
    chosen = []
    for leaf, of_leaf in enumerate(files):
        order = np.random.default_rng([seed, leaf]).permutation(len(of_leaf))[:limit]
        chosen.append([of_leaf[position] for position in sorted(order.tolist())])
    return chosen


def _warn_of_other_counts(root: Path, names: Sequence[str], splits: dict[str, list[list[Path]]]) -> None:
    """A download that broke off shows in the numbers of files, which are known."""
    found = [tuple(len(splits[part][leaf]) for part in _PARTS) for leaf in range(len(names))]
    other = [leaf for leaf, name in enumerate(names) if found[leaf] != MODELNET40_COUNTS[name]]
    if other:
        name = names[other[0]]
        text = (
            "%r holds other numbers of meshes than were published in %d of %d classes: of %s %d and %d, not %d and %d"
        )
        _LOG.warning(text, str(root), len(other), len(names), name, *found[other[0]], *MODELNET40_COUNTS[name])
