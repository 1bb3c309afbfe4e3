"""The structure of a folder of labelled files, found without opening any: what `hmlc check` needs to count levels.

```
root/fruit/apple/1.png                      class folders of any depth; the path is the class's path in the taxonomy
root/train/fruit/apple/1.png                the same below `train`, `val` and `test`: splits that are given
root/apple/1.png + root/taxonomy.csv        flat leaves; the table gives each leaf's parents
```
Imports neither torch nor numpy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hmlc_ray.errors import DataError, TaxonomyError, system_reason
from hmlc_ray.leaf_table import read_leaf_table

SPLIT_NAMES = ("train", "val", "test")
TABLE_NAME = "taxonomy.csv"
IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})
MESH_SUFFIXES = frozenset({".glb", ".obj", ".off", ".ply", ".stl"})

ClassPath = tuple[str, ...]
Files = dict[ClassPath, tuple[Path, ...]]


@dataclass(frozen=True)
class FolderTree:
    """Leaves and their files."""

    level_names: tuple[str, ...]
    """H names, coarsest first: the table's columns, or `level0`, `level1`, ..."""
    leaf_paths: tuple[ClassPath, ...]
    """Per leaf the names of its class at each level, coarsest first; sorted by folder."""
    files: Mapping[str, tuple[tuple[Path, ...], ...]]
    """Per split (`train` alone where none are given) the sorted files of each leaf, in the order of `leaf_paths`."""

    @property
    def depth(self) -> int:
        """H."""
        return len(self.level_names)


def scan_folder(root: str | Path, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> FolderTree:
    """Find classes, levels, splits and files below `root`; hidden entries and files of other types are ignored.

    Raises:
        DataError: if the folder is missing, holds no file, has an empty class folder, or splits differ in classes.
        TaxonomyError: if leaves lie at different depths, there is one class only, or the table does not fit.
    """
    root = Path(root).expanduser().absolute()
    if not root.is_dir():
        raise DataError(f"there is no data folder {str(root)!r}")
    splits = {name: _leaf_files(folder, suffixes) for name, folder in _split_folders(root).items()}
    _check_same_classes(root, splits)
    folders = tuple(sorted(splits["train"]))
    _check_even(root, folders)
    names, paths = _taxonomy_paths(root, folders)
    files = {name: tuple(leaves[folder] for folder in folders) for name, leaves in splits.items()}
    return FolderTree(names, paths, files)


def _split_folders(root: Path) -> dict[str, Path]:
    """The given splits; or the root itself, as `train`, when its sub-folders are classes."""
    names = {name for name, is_folder in _entries(root) if is_folder}
    if not names or not names <= set(SPLIT_NAMES):
        return {"train": root}
    if "train" not in names:
        raise DataError(f"{str(root)!r} holds {' and '.join(sorted(names))}, but no `train` folder")
    return {name: root / name for name in SPLIT_NAMES if name in names}


def _leaf_files(top: Path, suffixes: frozenset[str]) -> Files:
    leaves = dict(_walk(top, (), suffixes))
    if not leaves:
        raise DataError(f"{str(top)!r} holds no class folder with files of type {', '.join(sorted(suffixes))}")
    return leaves


def _walk(folder: Path, path: ClassPath, suffixes: frozenset[str]) -> Iterator[tuple[ClassPath, tuple[Path, ...]]]:
    entries = _entries(folder)
    children = [name for name, is_folder in entries if is_folder]
    files = tuple(folder / name for name, is_folder in entries if not is_folder and _suffix(name) in suffixes)
    if children and files:
        raise TaxonomyError(
            f"the tree is uneven: {files[0].name!r} lies in {str(folder)!r} beside class folders; "
            "files belong in the deepest folders only"
        )
    if path and not children:
        if not files:
            raise DataError(f"class folder {str(folder)!r} holds no file of type {', '.join(sorted(suffixes))}")
        yield path, files
    for name in children:
        yield from _walk(folder / name, (*path, name), suffixes)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _entries(folder: Path) -> list[tuple[str, bool]]:
    """Names in the folder and whether each is a folder itself; hidden ones are left out, sorted."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"cannot read the folder {str(folder)!r}: {system_reason(error)}") from error


def _check_same_classes(root: Path, splits: Mapping[str, Files]) -> None:
    for name, leaves in splits.items():
        for here, there, missing in (
            ("train", name, sorted(splits["train"].keys() - leaves.keys())),
            (name, "train", sorted(leaves.keys() - splits["train"].keys())),
        ):
            if missing:
                shown = ", ".join(repr("/".join(path)) for path in missing[:3])
                more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
                raise DataError(
                    f"the splits below {str(root)!r} differ in classes: {shown}{more} in {here} but not in {there}"
                )


def _check_even(root: Path, folders: tuple[ClassPath, ...]) -> None:
    shallow, deep = min(folders, key=len), max(folders, key=len)
    if len(shallow) != len(deep):
        raise TaxonomyError(
            f"the tree below {str(root)!r} is uneven: {'/'.join(shallow)!r} lies {len(shallow)} deep and "
            f"{'/'.join(deep)!r} {len(deep)}; every leaf needs the same depth"
        )
    if len(folders) < 2:
        raise TaxonomyError(f"{str(root)!r} holds one class only, {'/'.join(folders[0])!r}; at least two are needed")


def _taxonomy_paths(root: Path, folders: tuple[ClassPath, ...]) -> tuple[tuple[str, ...], tuple[ClassPath, ...]]:
    table_file = root / TABLE_NAME
    if not table_file.exists():
        return tuple(f"level{h}" for h in range(len(folders[0]))), folders
    if len(folders[0]) > 1:
        raise TaxonomyError(
            f"{str(root)!r} holds {TABLE_NAME} and nested class folders; with a table, leaf folders must be flat"
        )
    table = read_leaf_table(table_file)
    unknown = [leaf for (leaf,) in folders if leaf not in table.paths]
    if unknown:
        raise TaxonomyError(f"{str(table_file)!r} has no row for the class folder {unknown[0]!r}")
    return table.level_names, tuple(table.paths[leaf] for (leaf,) in folders)
