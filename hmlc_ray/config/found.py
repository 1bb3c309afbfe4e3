"""What the folder, the manifest or the labels of a table hold: classes and counts. No sample is opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hmlc_ray.config.data import DataConfig, HfDatasetConfig, ManifestConfig
from hmlc_ray.config.features import FeaturesConfig
from hmlc_ray.config.splits import FoldersSection

ClassPath = tuple[str, ...]


@dataclass(frozen=True)
class FoundLeaves:
    """The classes of a data set, and the samples of each."""

    level_names: tuple[str, ...]
    """Coarsest first."""
    leaf_paths: tuple[ClassPath, ...]
    """Classes of each leaf, coarsest first."""
    counts: Mapping[str, tuple[int, ...]]
    """Samples of each leaf, by split (`train` alone where none are given)."""
    notes: tuple[str, ...]
    """Notes for the user, a sentence each."""
    unit: str = "files"
    """What is counted; of tables their rows."""

    @property
    def totals(self) -> dict[str, int]:
        """Number of samples, by split."""
        return {split: sum(of_leaf) for split, of_leaf in self.counts.items()}

    def check_enough(self, *, untrained: bool) -> None:
        """Check that every class has samples for every split; see `check_counts`.

        Raises:
            DataError: naming the classes that have too few.
        """
        from hmlc_ray.folders.notes import check_counts

        check_counts(["/".join(path) for path in self.leaf_paths], self.counts, untrained=untrained)


def find_leaves(data: DataConfig) -> FoundLeaves | None:
    """The leaves of data in files, where they are on this machine; None for all other data.

    Raises:
        DataError, TaxonomyError: if they cannot be used; see `FoldersSection.tree`, `read_manifest`, `read_rows` and
            `read_labels`.
        ConfigError: if what reads them is not installed.
    """
    from hmlc_ray.folders.walk import is_file, is_folder

    if isinstance(data, FoldersSection) and is_folder(Path(data.root).expanduser()):
        return _of_folder(data)
    if isinstance(data, ManifestConfig) and is_file(Path(data.file).expanduser()):
        return _of_manifest(data)
    if isinstance(data, HfDatasetConfig) and is_folder(Path(data.root).expanduser()):
        return _of_columns(data)
    if isinstance(data, FeaturesConfig) and Path(data.file).expanduser().exists():
        return _of_labels(data)
    return None


def _of_folder(data: FoldersSection) -> FoundLeaves:
    tree = data.tree()
    counts = {name: tuple(map(len, files)) for name, files in tree.files.items()}
    return _found(data.level_names or tree.level_names, tree.leaf_paths, counts, [*tree.notes, *tree.lacks()])


def _of_manifest(data: ManifestConfig) -> FoundLeaves:
    from hmlc_ray.folders.manifest import check_several, read_manifest

    manifest = read_manifest(data.file, data.root)
    check_several(manifest, data.file)
    paths = {name: [sample.path for sample in samples] for name, samples in manifest.samples.items()}
    counts = _counted(manifest.leaf_paths, paths)
    return _found(manifest.level_names, manifest.leaf_paths, counts, manifest.lacks())


def _of_columns(data: HfDatasetConfig) -> FoundLeaves:
    rows = data.rows()
    return _found(
        data.own_levels(), rows.leaf_paths, _counted(rows.leaf_paths, rows.classes), rows.lacks(), unit="rows"
    )


def _of_labels(data: FeaturesConfig) -> FoundLeaves | None:
    from hmlc_ray.folders.feature_labels import read_labels
    from hmlc_ray.folders.feature_places import find_places

    paths = find_places(data.file, data.labels)
    if paths.labels is None:
        return None
    labels = read_labels(paths, data.levels)
    leaves = tuple(labels.leaf_paths)
    notes = [*labels.notes(), *labels.lacks()]
    return _found(labels.level_names, leaves, _counted(leaves, labels.classes), notes, unit="rows")


def _counted(leaves: Sequence[ClassPath], paths: Mapping[Any, Iterable[ClassPath]]) -> dict[str, tuple[int, ...]]:
    counted = {split: Counter(own) for split, own in paths.items()}
    return {split: tuple(own[leaf] for leaf in leaves) for split, own in counted.items()}


def _found(
    levels: Sequence[str],
    leaves: Sequence[ClassPath],
    counts: Mapping[str, tuple[int, ...]],
    notes: Sequence[str],
    unit: str = "files",
) -> FoundLeaves:
    from hmlc_ray.folders.notes import of_one_class

    more = of_one_class(levels, map(set, zip(*leaves, strict=True)))
    return FoundLeaves(tuple(levels), tuple(leaves), counts, (*notes, *more), unit)
