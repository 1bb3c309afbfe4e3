"""A folder of labelled files, read without opening any: its classes, levels, splits and files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hmlc_ray.errors import DataError, TaxonomyError
from hmlc_ray.folders.layout import (
    Leaves,
    Splits,
    check_depth,
    constant_positions,
    dropped,
    filled,
    find_splits,
)
from hmlc_ray.folders.notes import check_common_classes, lacking, notes_of
from hmlc_ray.folders.split_names import SPLIT_NAMES, Role, split_role
from hmlc_ray.folders.suffixes import IMAGE_SUFFIXES, count_suffixes, is_document, list_suffixes
from hmlc_ray.folders.walk import ClassPath, Found, check_folder, entries, is_folder, uneven_files, walk
from hmlc_ray.names.counts import many
from hmlc_ray.tables.leaf_table import read_leaf_table

TABLE_NAME = "taxonomy.csv"
SplitFolders = Literal["auto", "none"] | Mapping[Role, str]
"""Found by their names; none at all; or per split its folder, relative to the root."""


@dataclass(frozen=True)
class FolderTree:
    """Leaves and their files."""

    level_names: tuple[str, ...]
    """H names, coarsest first: the table's columns, or `level0`, `level1`, ..."""
    leaf_paths: tuple[ClassPath, ...]
    """Class names of each leaf, coarsest first; sorted by folder."""
    files: Mapping[str, tuple[tuple[Path, ...], ...]]
    """Sorted files of each leaf by split (`train` alone where none are given), in the order of `leaf_paths`; none
    where the split lacks the class."""
    notes: tuple[str, ...] = ()
    """What was left out or looked through, a sentence each."""

    @property
    def depth(self) -> int:
        """H."""
        return len(self.level_names)

    def lacks(self) -> list[str]:
        """A sentence for each split that lacks classes."""
        names = ["/".join(path) for path in self.leaf_paths]
        missing = {
            split: [name for name, of_leaf in zip(names, files, strict=True) if not of_leaf]
            for split, files in self.files.items()
        }
        return [lacking(split, lacks, len(names)) for split, lacks in missing.items() if lacks]


def scan_folder(
    root: str | Path,
    suffixes: frozenset[str] = IMAGE_SUFFIXES,
    *,
    splits: SplitFolders = "auto",
    uneven: Literal["error", "fill"] = "error",
    levels: int | None = None,
    untrained: bool = False,
) -> FolderTree:
    """Find classes, levels, splits and files below `root`.

    Hidden entries and litter (see `is_litter`) are ignored, files of other types are counted. A folder in which every
    path is the same (`images`, an archive's own folder) is looked through.

    Args:
        splits: `auto` finds folders such as `train`, `valid` and `test`, above the classes or within them.
        uneven: `fill` repeats the last folder's name where a leaf lies less deep than others.
        levels: how many levels the tree is said to have, where that is known: then none of them is looked through.
        untrained: accept classes that other splits have and train has not.

    Raises:
        DataError: if a folder is missing or cannot be read, holds no file, it is not clear which folders are splits, or
            train lacks a class.
        TaxonomyError: if leaves lie at different depths, there is one class only, or the table does not fit.
    """
    root = Path(root).expanduser().absolute()
    check_folder(root)
    found, parts = _parts(root, suffixes, splits)
    if uneven == "fill":
        parts = filled(parts)
    paths = {path for leaves in parts.values() for path in leaves}
    check_depth(root, paths, (path for part in found for path in part.barren))
    same = constant_positions(paths) if len(next(iter(paths))) != levels else []
    wrappers = ["/".join({path[place] for path in paths}) for place in same]
    table = _table(root, wrappers)
    parts = dropped(parts, same)
    check_common_classes(root, parts, untrained=untrained)
    folders = sorted({path for leaves in parts.values() for path in leaves})
    names, leaf_paths = _taxonomy_paths(table, root, folders)
    files = {name: tuple(tuple(leaves.get(folder, ())) for folder in folders) for name, leaves in parts.items()}
    unasked = splits == "auto" and len(parts) == 1 and levels is None and table is None
    notes = notes_of(root, found, wrappers, parts, len(folders), look_alike=unasked)
    return FolderTree(names, leaf_paths, files, notes)


def _parts(root: Path, suffixes: frozenset[str], splits: SplitFolders) -> tuple[list[Found], Splits]:
    """What was found, and the class folders of each split."""
    if isinstance(splits, Mapping):
        looked = {
            name: _look(_split_folder(root, name, splits[name]), suffixes) for name in SPLIT_NAMES if name in splits
        }
        return list(looked.values()), {name: found.files for name, found in looked.items()}
    found = _look(root, suffixes, loose=splits == "auto")
    parts: Splits = {"train": found.files} if splits == "none" else find_splits(root, found.files)
    if parts["train"] is found.files:
        if found.loose:
            raise uneven_files(root, found.loose[0])
    elif empty := [path[0] for path in found.barren if len(path) == 1 and split_role(path[0])]:
        raise DataError(
            f"the folder {empty[0]!r} in {str(root)!r} is called as a split but holds no sample: fill it, remove it, "
            "or name the splits by data.splits"
        )
    return [found], parts


def _split_folder(root: Path, name: str, folder: str) -> Path:
    path = root / folder
    if not is_folder(path):
        there = ", ".join(map(repr, entries(root)[0][:20])) or "no folder at all"
        raise DataError(f"data.splits.{name} is {folder!r}, but {str(root)!r} holds {there}")
    return path


def _look(top: Path, suffixes: frozenset[str], *, loose: bool = False) -> Found:
    found = walk(top, suffixes)
    for path, counts in found.barren.items():
        if counts and not all(map(is_document, counts)):
            raise _no_sample(top.joinpath(*path), counts, suffixes)
    if not found.files:
        for path, counts in found.barren.items():
            raise _no_sample(top.joinpath(*path), counts, suffixes)
        if found.loose:
            raise DataError(
                f"{str(top)!r} holds no class folder, but {many(len(found.loose), 'sample')} "
                f"itself, {found.loose[0].name!r} "
                "for one: a sample's class is the folder that it lies in"
            )
        raise DataError(f"{str(top)!r} holds no class folder with files of type {list_suffixes(suffixes)}")
    if found.loose and not loose:
        raise uneven_files(top, found.loose[0])
    return found


def _no_sample(folder: Path, counts: Counter[str], suffixes: frozenset[str]) -> DataError:
    there = count_suffixes(counts) or "nothing"
    return DataError(
        f"class folder {str(folder)!r} holds no file of type {list_suffixes(suffixes)}; it holds {there}: convert "
        "them, or move the folder elsewhere"
    )


def _table(root: Path, wrappers: list[str]) -> Path | None:
    """The table beside the class folders, in whatever case; in the root, or in a folder that is looked through."""
    for folder in (root, root.joinpath(*wrappers)):
        if folder.is_dir():
            for name in entries(folder)[1]:
                if name.casefold() == TABLE_NAME:
                    return folder / name
    return None


def _taxonomy_paths(
    table_file: Path | None, root: Path, folders: list[ClassPath]
) -> tuple[tuple[str, ...], tuple[ClassPath, ...]]:
    if table_file is None:
        return tuple(f"level{h}" for h in range(len(folders[0]))), tuple(folders)
    if len(folders[0]) > 1:
        raise TaxonomyError(
            f"{str(root)!r} holds {TABLE_NAME} and nested class folders; with a table, leaf folders must be flat"
        )
    table = read_leaf_table(table_file)
    for (leaf,) in folders:
        if leaf not in table.paths:
            near = [known for known in table.paths if known.casefold() == leaf.casefold()]
            hint = f" (but one for {near[0]!r})" if near else ""
            raise TaxonomyError(f"{str(table_file)!r} has no row for the class folder {leaf!r}{hint}")
    return table.level_names, tuple(table.paths[leaf] for (leaf,) in folders)


__all__ = ["FolderTree", "Leaves", "SplitFolders", "scan_folder"]
