"""What `hmlc check` says of a tree that is not the data set's own: nothing is trained or made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hmlc_ray.config.data import DataConfig, HfDatasetConfig, ManifestConfig
from hmlc_ray.config.splits import FoldersSection
from hmlc_ray.config.taxonomy import CONFUSION_FILES, FEATURE_FILES, FileTaxonomyConfig, InducedTaxonomyConfig
from hmlc_ray.folders.manifest import read_manifest
from hmlc_ray.folders.walk import is_file, is_folder
from hmlc_ray.names.counts import many


def tree_lines(data: DataConfig) -> list[str]:
    """A line on the tree, unless it is the data set's own.

    Raises:
        TaxonomyError: if a file's tree is wrong, or lacks a leaf that a folder or a manifest on this machine has.
    """
    given = data.taxonomy
    kept = "" if data.keep_levels is None else f"; levels kept: {', '.join(data.keep_levels)}"
    if given is None or isinstance(given, str):
        return [f"tree: the data set's own{kept}"] if kept else []
    what = "the data set's own"
    if given.kind != "own" and given.tree is not None:
        what = f"as written in data.taxonomy.tree, {many(len(given.tree.paths), 'leaf', 'leaves')}"
    elif isinstance(given, FileTaxonomyConfig):
        what = _file(given.file, _leaves_of(data))
    elif isinstance(given, InducedTaxonomyConfig):
        what = _induced(given)
    return [f"tree: {what}{kept}" + (f"; leaves shuffled with seed {given.shuffle_seed}" if given.shuffled else "")]


def _file(file: str, leaves: Sequence[str]) -> str:
    from hmlc_ray.taxonomies.files import over_leaves, read_tree

    tree = read_tree(file)
    if leaves:
        over_leaves(tree, leaves, f"the tree of {file!r}")
    return f"of {file}, {many(tree.num_leaves, 'leaf', 'leaves')}, levels {', '.join(tree.level_names)}"


def _leaves_of(data: DataConfig) -> list[str]:
    """The names of the leaves that a folder or a manifest holds, where it is on this machine."""
    if isinstance(data, FoldersSection | HfDatasetConfig) and is_folder(Path(data.root).expanduser()):
        found = data.tree() if isinstance(data, FoldersSection) else data.rows()
        return [path[-1] for path in found.leaf_paths]
    if isinstance(data, ManifestConfig) and is_file(Path(data.file).expanduser()):
        return [path[-1] for path in read_manifest(data.file, data.root).leaf_paths]
    return []


def _induced(given: InducedTaxonomyConfig) -> str:
    levels = f"{many(given.num_levels, 'level')} with numbers of classes by silhouette"
    if given.classes != "auto":
        levels = f"{', '.join(map(str, given.classes))} classes above the leaves"
    return f"induced, {given.method}, {levels}, from {_source(given)}"


def _source(given: InducedTaxonomyConfig) -> str:
    kind = "the confusions" if given.from_ == "confusion" else "the features"
    if given.source is None:
        first = given.training
        if first.epochs == 0:
            return f"{kind} of the encoder as it begins"
        return (
            f"{kind} of a first training of {many(first.epochs, 'epoch')} of {first.objective}, "
            "when the run or study starts"
        )
    path = Path(given.source).expanduser()
    is_file = path.suffix.lower() in (*FEATURE_FILES, *CONFUSION_FILES)
    missing = ", which is not a file on this machine" if is_file and not path.is_file() else ""
    return f"{kind} of {given.source}{missing}"
