"""A manifest: a CSV file with a row per sample, its path and its classes from the leaf to the coarsest.

```
path,leaf,kind,realm,split
shop/0001.jpg,beagle,dog,animal,train
shop/0002.jpg,tabby,cat,animal,test
```
The header is needed. `path` and `split` are known by their names, wherever they stand; `split` may be missing. The
other columns are the levels, finest first, and the first of them is called `leaf`. Imports neither torch nor numpy.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from hmlc_ray.errors import DataError, TaxonomyError, system_reason
from hmlc_ray.folders import SPLIT_NAMES
from hmlc_ray.level_names import check_level_names, check_printable


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
    """Per split, `train` alone without a `split` column, its rows in their order."""


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
        TaxonomyError: with the line, if a class has two parents; if a cell holds a control character.
    """
    path = Path(file).expanduser().absolute()
    base = path.parent if root is None else Path(root).expanduser().absolute()
    if not base.is_dir():
        raise DataError(f"there is no data folder {str(base)!r}")
    return _Reader(path, base).read()


class _Reader:
    def __init__(self, file: Path, root: Path) -> None:
        self._file, self._root = file, root
        self._real_root = os.path.realpath(root)
        self._real_folders: dict[str, str] = {}
        self._lines: dict[str, int] = {}
        self._parents: list[dict[str, tuple[str, int]]] = []

    def read(self) -> Manifest:
        rows = _rows(self._file)
        header = next(rows, None)
        if header is None:
            raise _empty(self._file)
        self._place, self._split, names = _columns(self._file, header[1])
        self._parents = [{} for _ in names[1:]]
        samples: dict[str, list[Sample]] = {}
        for line, row in rows:
            split, sample = self._sample(f"line {line} of {str(self._file)!r}", line, row, len(header[1]))
            samples.setdefault(split, []).append(sample)
        if "train" not in samples:
            raise DataError(f"{str(self._file)!r} lists no sample of the split train")
        leaves = sorted({sample.path for rows_ in samples.values() for sample in rows_})
        return Manifest(names, tuple(leaves), samples)

    def _sample(self, where: str, line: int, row: Sequence[str], columns: int) -> tuple[str, Sample]:
        if len(row) != columns or not all(row):
            filled = sum(map(bool, row))
            raise DataError(f"{where} fills {filled} of {columns} columns; every sample needs all of them")
        check_printable(row)
        split = "train" if self._split is None else row[self._split]
        if split not in SPLIT_NAMES:
            raise DataError(f"{where} names the split {split!r}; the splits are {', '.join(SPLIT_NAMES)}")
        file = self._checked_file(where, row[self._place])
        first = self._lines.setdefault(str(file), line)
        if first != line:
            raise DataError(f"{where} lists {row[self._place]!r} a second time (first in line {first})")
        fine_first = [cell for column, cell in enumerate(row) if column not in (self._place, self._split)]
        self._check_parents(where, line, fine_first)
        return split, Sample(file, tuple(reversed(fine_first)))

    def _checked_file(self, where: str, name: str) -> Path:
        if os.path.isabs(name):
            raise DataError(f"{where}: the path {name!r} is absolute; paths are relative to {str(self._root)!r}")
        file = os.path.normpath(os.path.join(self._root, name))
        if not self._is_inside(file):
            raise DataError(f"{where}: the path {name!r} leads out of {str(self._root)!r}")
        if not os.path.isfile(file):
            raise DataError(f"{where}: there is no file {name!r} in {str(self._root)!r}")
        return Path(file)

    def _is_inside(self, file: str) -> bool:
        """Whether the file lies below the root once all links are followed; folders are looked up once."""
        folder, name = os.path.split(file)
        if folder not in self._real_folders:
            self._real_folders[folder] = os.path.realpath(folder)
        real = os.path.join(self._real_folders[folder], name)
        real = os.path.realpath(real) if os.path.islink(real) else real
        return real.startswith(os.path.join(self._real_root, ""))

    def _check_parents(self, where: str, line: int, fine_first: Sequence[str]) -> None:
        """A class is known by its name alone here, so one name below two parents is a mistake."""
        for known, (child, parent) in zip(self._parents, pairwise(fine_first), strict=True):
            before, first = known.setdefault(child, (parent, line))
            if before != parent:
                raise TaxonomyError(
                    f"{where} puts {child!r} below {parent!r}, but line {first} below {before!r}; "
                    "a class has one parent"
                )


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Stripped cells with their line numbers."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            yield from ((reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = system_reason(error) if isinstance(error, OSError) else error
        raise DataError(f"cannot read the manifest {str(file)!r}: {reason}") from error


def _columns(file: Path, header: Sequence[str]) -> tuple[int, int | None, tuple[str, ...]]:
    """The columns of path and split, and the names of the levels, coarsest first."""
    names = [name.lower() if name.lower() in ("path", "split", "leaf") else name for name in header]
    levels = [name for name in names if name not in ("path", "split")]
    if names.count("path") != 1 or names.count("split") > 1 or levels[:1] != ["leaf"]:
        raise DataError(
            f"{str(file)!r} must start with a header like path,leaf,parent,grandparent, with a column split where "
            f"splits are given; got {','.join(header)!r}"
        )
    try:
        check_printable(levels)
        check_level_names(levels[::-1])
    except TaxonomyError as error:
        raise DataError(f"the header of {str(file)!r} is wrong: {error}") from error
    return names.index("path"), names.index("split") if "split" in names else None, tuple(reversed(levels))


def _empty(file: Path) -> DataError:
    return DataError(f"{str(file)!r} is empty; its first line must be a header such as path,leaf,parent")
