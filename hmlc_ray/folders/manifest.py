"""A manifest: a CSV file with a row per sample, its path and its classes from the leaf to the coarsest.

```
path,leaf,kind,realm,split
shop/0001.jpg,beagle,dog,animal,train
shop/0002.jpg,tabby,cat,animal,test
```
The header is needed. `path` and `split` are known by their names, in any order; `split` may be missing. The
other columns are the levels, finest first, and the first of them is called `leaf`. Splits may be called `validation`,
`Train`, `dev` and the like, and paths may have backslashes. Imports neither torch nor numpy.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hmlc_ray.errors import DataError, TaxonomyError, system_reason
from hmlc_ray.folders.notes import lacking_each
from hmlc_ray.folders.split_names import SPLIT_NAMES, split_role
from hmlc_ray.folders.walk import check_folder
from hmlc_ray.names.counts import many
from hmlc_ray.names.levels import check_level_names, check_printable, composed
from hmlc_ray.tables.csv_files import BadTable, read_table
from hmlc_ray.tables.listed_paths import BadPath, ListedPaths

_ALIASES = {
    "path": ["file", "filename", "filepath", "file_path", "image", "image_path", "img", "img_path", "mesh"],
    "leaf": ["class", "class_name", "category", "label", "target"],
}


@dataclass(frozen=True)
class Sample:
    """A row."""

    file: Path
    path: tuple[str, ...]
    """Names of its classes, coarsest first."""


@dataclass(frozen=True)
class Manifest:
    """A manifest that was read in full."""

    level_names: tuple[str, ...]
    """Coarsest first; the last is `leaf`."""
    leaf_paths: tuple[tuple[str, ...], ...]
    """Every leaf's classes, coarsest first; sorted."""
    samples: dict[str, list[Sample]]
    """Rows by split, in their order; `train` alone without a `split` column."""

    def lacks(self) -> list[str]:
        """A sentence for each split that lacks classes."""
        classes = {split: [sample.path for sample in samples] for split, samples in self.samples.items()}
        return lacking_each(classes, self.leaf_paths)


def read_level_names(file: str | Path) -> tuple[str, ...]:
    """The levels, coarsest first, by the header alone.

    Raises:
        DataError: if the file cannot be read, or its header is wrong.
    """
    path = Path(file).expanduser().absolute()
    for _, header in _rows(path):
        return _columns(path, header)[2]
    raise _empty(path)


def read_manifest(file: str | Path, root: str | Path | None = None) -> Manifest:
    """Read and check a manifest; empty lines are ignored.

    Args:
        root: what paths are relative to; None: the file's folder.

    Raises:
        DataError: with the line, if the file or its header is wrong, a cell is empty, a path is absolute, leads out of
            the root (also through a link), does not exist or is listed twice, or a split is unknown.
        TaxonomyError: with the line, if a class has two parents or a cell holds a control character.
    """
    path = Path(file).expanduser().absolute()
    base = path.parent if root is None else Path(root).expanduser().absolute()
    check_folder(base, None if root is None else "data.root")
    return _Reader(path, base).read()


def check_several(manifest: Manifest, file: str | Path) -> None:
    """Check that there are two classes, without which nothing can be learned.

    Raises:
        TaxonomyError: naming the only one.
    """
    if len(manifest.leaf_paths) < 2:
        raise TaxonomyError(
            f"{str(file)!r} lists one class only, {manifest.leaf_paths[0][-1]!r}; at least two are needed"
        )


class _Reader:
    def __init__(self, file: Path, root: Path) -> None:
        self._file, self._paths = file, ListedPaths(root)
        self._lines: dict[str, int] = {}
        self._parents: list[dict[str, tuple[str, int]]] = []

    def read(self) -> Manifest:
        rows = _rows(self._file)
        header = next(rows, None)
        if header is None:
            raise _empty(self._file)
        self._path, self._split, names = _columns(self._file, header[1])
        self._parents = [{} for _ in names[1:]]
        samples: dict[str, list[Sample]] = {}
        for line, row in rows:
            split, sample = self._sample(f"line {line} of {str(self._file)!r}", line, row, len(header[1]))
            samples.setdefault(split, []).append(sample)
        if "train" not in samples:
            alone = "" if samples else ": there is only its header"
            raise DataError(f"{str(self._file)!r} lists no sample of the split train{alone}")
        leaves = sorted({sample.path for rows_ in samples.values() for sample in rows_})
        self._refuse_split_levels(names, leaves)
        return Manifest(names, tuple(leaves), samples)

    def _sample(self, where: str, line: int, row: Sequence[str], columns: int) -> tuple[str, Sample]:
        if len(row) != columns or not all(row):
            filled = sum(map(bool, row))
            raise DataError(f"{where} fills {filled} of {many(columns, 'column')}; every sample needs all of them")
        try:
            check_printable(row)
        except TaxonomyError as error:
            raise TaxonomyError(f"{where}: {error}") from None
        split = "train" if self._split is None else split_role(row[self._split])
        if split is None:
            raise DataError(
                f"{where} names the split {row[self._split or 0]!r}; the splits are {', '.join(SPLIT_NAMES)}"
            )
        try:
            file = self._paths.find(row[self._path])
        except BadPath as error:
            raise DataError(f"{where}: {error}") from None
        first = self._lines.setdefault(str(file), line)
        if first != line:
            raise DataError(f"{where} lists {row[self._path]!r} a second time (first in line {first})")
        fine_first = [composed(cell) for column, cell in enumerate(row) if column not in (self._path, self._split)]
        self._check_parents(where, line, fine_first)
        return split, Sample(file, tuple(reversed(fine_first)))

    def _refuse_split_levels(self, names: Sequence[str], leaves: Sequence[Sequence[str]]) -> None:
        """A column of splits under another name would be a level."""
        for name, classes in list(zip(names, zip(*leaves, strict=True), strict=True))[:-1]:
            if None not in map(split_role, classes):
                raise DataError(
                    f"the column {name!r} of {str(self._file)!r} holds splits, {' and '.join(sorted(set(classes)))}, "
                    "and no classes: call it split"
                )

    def _check_parents(self, where: str, line: int, fine_first: Sequence[str]) -> None:
        """A class is known by its name alone here, so one name below two parents is a mistake."""
        for known, (child, parent) in zip(self._parents, pairwise(fine_first), strict=True):
            before, first = known.setdefault(child, (parent, line))
            if before != parent:
                hint = "every column but path and split is a level of classes"
                if split_role(before) and split_role(parent):
                    hint = "if these are splits, call their column split"
                raise TaxonomyError(
                    f"{where} puts {child!r} below {parent!r}, but line {first} below {before!r}; "
                    f"a class has one parent ({hint})"
                )


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Cells with their line numbers."""
    try:
        yield from read_table(file, ["path", "leaf"])
    except (OSError, BadTable) as error:
        raise DataError(f"cannot read the manifest {str(file)!r}: {system_reason(error)}") from error


def _columns(file: Path, header: Sequence[str]) -> tuple[int, int | None, tuple[str, ...]]:
    """The columns of path and split, and the names of the levels, coarsest first."""
    names = [name.lower() if name.lower() in ("path", "split", "leaf") else composed(name) for name in header]
    levels = [name for name in names if name not in ("path", "split")]
    if names.count("path") != 1 or names.count("split") > 1 or levels[:1] != ["leaf"]:
        raise DataError(
            f"{str(file)!r} must start with a header like path,leaf,parent,grandparent, with a column split where "
            f"splits are given; got {','.join(header)!r}{_renaming(names)}"
        )
    try:
        check_printable(levels)
        check_level_names(levels[::-1])
    except TaxonomyError as error:
        raise DataError(f"the header of {str(file)!r} is wrong: {error}") from error
    return names.index("path"), names.index("split") if "split" in names else None, tuple(reversed(levels))


def _renaming(names: Sequence[str]) -> str:
    """Which columns to rename, where they have other usual names; or that a whole line is one cell."""
    if len(names) == 1 and re.search("[,;\t|]", names[0]):
        return " in one cell: its lines are in quotes as a whole, which have to go"
    hints = [
        f"{name!r} to {wanted}"
        for wanted, others in _ALIASES.items()
        if wanted not in names
        for name in names
        if name.lower().replace(" ", "_") in others
    ]
    return f" (rename {' and '.join(hints)})" if hints else ""


def _empty(file: Path) -> DataError:
    return DataError(f"{str(file)!r} is empty; its first line must be a header such as path,leaf,parent")
