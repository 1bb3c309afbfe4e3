"""The classes of the rows of a table of features: in a CSV file, or in columns of the table itself.

```
row,intent,domain,split,path,text
0,transfer,banking,train,,send 20 to Ann
1,weather,travel,test,,will it rain
```
`row`, `split`, `path` and `text` are known by their names, wherever they are, and none of them is needed; the other
columns are the levels, finest first, unless the configuration names them. Imports neither torch nor numpy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from hmlc_ray.errors import DataError, TaxonomyError, system_reason
from hmlc_ray.folders.feature_places import RESERVED, Places, features_name, find_places, table_parts
from hmlc_ray.folders.notes import lacking_each
from hmlc_ray.folders.split_names import SPLIT_NAMES, open_set_role, split_role
from hmlc_ray.names.counts import many
from hmlc_ray.names.cut import cut
from hmlc_ray.names.levels import check_level_names, check_printable, composed
from hmlc_ray.tables.csv_files import BadTable, read_table

_LONGEST_NUMBER = 18
"""Digits of a row number: no table has as many rows, and Python reads no number of thousands of digits."""
_OTHERS = "of other splits are left out"


class LabelRow(NamedTuple):
    """One row, before it is checked."""

    where: str
    """What an error says of it."""
    cells: Sequence[str]
    """Names in the order of the columns."""


class Columns(NamedTuple):
    """What the columns of a label table mean; each is a position."""

    levels: tuple[tuple[str, int], ...]
    """Coarsest first."""
    row: int | None
    path: int | None
    split: int | None

    @property
    def level_names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.levels)


@dataclass
class FeatureLabels:
    """The labels of a table, read in full."""

    level_names: tuple[str, ...]
    """Coarsest first."""
    numbered: bool
    """Whether a column says which row of the table each label is of; else they are in the table's order."""
    rows: dict[str, list[int]] = field(default_factory=dict)
    """Row numbers, by split (`train` alone where there is no column for it)."""
    classes: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    """Classes of each row, coarsest first, by split."""
    others: dict[str, list[int]] = field(default_factory=dict)
    """Rows of splits by other names."""
    open_set: dict[str, list[int]] = field(default_factory=dict)
    """Rows of samples that belong to no class of any level, by the name of their split; see `open_set_role`."""
    paths: dict[int, str] = field(default_factory=dict)
    """Path of each row, where there is a column for it."""
    unused: list[str] = field(default_factory=list)
    """Columns of real numbers that are neither features nor levels."""

    @property
    def leaf_paths(self) -> list[tuple[str, ...]]:
        """Every leaf's classes, coarsest first; sorted."""
        return sorted({path for split in self.classes.values() for path in split})

    @property
    def open_set_rows(self) -> dict[str, list[int]]:
        """`open_set` by the split that the rows are judged with."""
        found: dict[str, list[int]] = {}
        for name, rows in self.open_set.items():
            if role := open_set_role(name):
                found.setdefault(role, []).extend(rows)
        return found

    @property
    def listed(self) -> list[list[int]]:
        """All rows that have a label."""
        return [*self.rows.values(), *self.open_set.values(), *self.others.values()]

    def notes(self) -> tuple[str, ...]:
        """What is left out, and what is for the open-set metrics alone."""
        notes = []
        for rows, text in ((self.open_set, "of no class are for the open-set metrics alone"), (self.others, _OTHERS)):
            if rows:
                notes.append(f"rows {text}: " + ", ".join(f"{len(own):,} {name}" for name, own in rows.items()))
        if self.unused:
            names = ", ".join(map(repr, self.unused[:8]))
            notes.append(f"columns of real numbers are not read as classes: {names} (data.levels may name them)")
        return tuple(notes)

    def lacks(self) -> list[str]:
        """A sentence for each split that lacks classes."""
        return lacking_each(self.classes, self.leaf_paths)


def read_feature_levels(file: str, labels: str | None, array: str | None) -> tuple[str, ...]:
    """The levels, coarsest first, by the header of the labels or the names in the table alone.

    Raises:
        DataError: see `find_places` and `columns_of`.
    """
    places = find_places(file, labels)
    if places.labels is not None:
        for _, header in _rows(places.labels):
            return columns_of(header, None, places.labels).level_names
        raise DataError(f"the file of labels {str(places.labels)!r} is empty")
    parts = table_parts(places.table)
    name = features_name(parts, array, places.table)
    return columns_of(parts.label_names(name, None), None, places.table).level_names


def columns_of(header: Sequence[str], levels: Sequence[str] | None, file: Path) -> Columns:
    """What the columns of a header mean.

    Args:
        levels: the columns that are levels, coarsest first; None: all that are not reserved, finest first.

    Raises:
        DataError: if a column is missing or there twice, or a level cannot be called so.
    """
    names = [name.lower() if name.lower() in RESERVED else composed(name) for name in header]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise DataError(f"{str(file)!r} has several columns {twice[0]!r}")
    wanted = list(reversed([name for name in names if name not in RESERVED])) if levels is None else list(levels)
    for name in wanted:
        if name not in names:
            shown = ", ".join(map(repr, names[:12]))
            raise DataError(f"data.levels names the column {name!r}, but {str(file)!r} has {shown}")
    if not wanted:
        others = f": it has {', '.join(map(repr, names))}" if names else ""
        raise DataError(f"{str(file)!r} has no column of classes{others}")
    try:
        check_printable(wanted)
        check_level_names(wanted)
    except TaxonomyError as error:
        raise DataError(f"the columns of {str(file)!r} are wrong: {error}") from error
    place = {name: number for number, name in enumerate(names)}
    known = {name: place.get(name) if name not in wanted else None for name in ("row", "path", "split")}
    return Columns(tuple((name, place[name]) for name in wanted), known["row"], known["path"], known["split"])


def read_labels(places: Places, levels: Sequence[str] | None) -> FeatureLabels:
    """The labels of a CSV file; see `collect`.

    Raises:
        DataError, TaxonomyError: with the line.
    """
    assert places.labels is not None
    file = places.labels
    rows = _rows(file)
    header = next(rows, None)
    if header is None:
        raise DataError(f"the file of labels {str(file)!r} is empty")
    columns = columns_of(header[1], levels, file)

    def checked() -> Iterator[LabelRow]:
        for line, cells in rows:
            where = f"line {line} of {str(file)!r}"
            if len(cells) > len(header[1]):
                raise DataError(f"{where} has {many(len(cells), 'cell')}, but the header has {len(header[1])}")
            yield LabelRow(where, [*cells, *[""] * (len(header[1]) - len(cells))])

    return collect(checked(), columns, file)


def collect(rows: Iterator[LabelRow], columns: Columns, file: Path) -> FeatureLabels:
    """Labels from rows, in their order.

    Raises:
        DataError: with the row, if a class or split is missing, or a row's number is none or comes twice; if there is
            no training sample.
        TaxonomyError: with the row, if a class has two parents.
    """
    found = FeatureLabels(columns.level_names, columns.row is not None)
    collector = _Collector(columns, found)
    for row in rows:
        collector.add(row)
    collector.find_open_set()
    if "train" not in found.rows:
        others = dict.fromkeys([*found.others, *found.open_set])
        there = f": its splits are {', '.join(map(repr, others))}" if others else ""
        raise DataError(f"{str(file)!r} has no row of the split train{there}")
    found.rows = {name: found.rows[name] for name in SPLIT_NAMES if name in found.rows}
    if len(found.leaf_paths) < 2:
        raise TaxonomyError(f"{str(file)!r} has one class only, {found.leaf_paths[0][-1]!r}; at least two are needed")
    return found


class _Collector:
    def __init__(self, columns: Columns, found: FeatureLabels) -> None:
        self._columns, self._found = columns, found
        self._numbers: dict[int, str] = {}
        self._parents: list[dict[str, tuple[str, str]]] = [{} for _ in columns.levels[1:]]
        self._candidates: list[tuple[str, int, tuple[str, ...]]] = []
        """Rows of splits that are called as those of samples of no class: split, row, classes."""
        self._count = 0

    def find_open_set(self) -> None:
        """Separate rows of no known class from those of known classes, which may be called out of distribution too
        where they come from elsewhere."""
        found = self._found
        paths = {path for split in found.classes.values() for path in split}
        known = {(h, name) for path in paths for h, name in enumerate(path)}
        for split, number, classes in self._candidates:
            rows = found.others if known & set(enumerate(classes)) else found.open_set
            rows.setdefault(split, []).append(number)

    def add(self, row: LabelRow) -> None:
        columns, found = self._columns, self._found
        number = self._number(row)
        if columns.path is not None and row.cells[columns.path]:
            found.paths[number] = row.cells[columns.path]
        name = "train" if columns.split is None else row.cells[columns.split]
        if not name:
            raise DataError(f"{row.where} names no split")
        role = split_role(name)
        classes = tuple(composed(row.cells[place]) for _, place in columns.levels)
        if role is None:
            if open_set_role(name):
                self._candidates.append((name, number, classes))
            else:
                found.others.setdefault(name, []).append(number)
            return
        self._check(row.where, classes)
        found.rows.setdefault(role, []).append(number)
        found.classes.setdefault(role, []).append(classes)

    def _number(self, row: LabelRow) -> int:
        """Number of the row of features: as the column says, or else the next."""
        self._count += 1
        if self._columns.row is None:
            return self._count - 1
        cell = row.cells[self._columns.row]
        digits = cell.removesuffix(".0")
        if not (cell.isascii() and digits.isdecimal() and len(digits) <= _LONGEST_NUMBER):
            raise DataError(
                f"{row.where} has {cut(cell, 40)!r} in the column row, which is not a row number, from 0 on"
            )
        number = int(digits)
        first = self._numbers.setdefault(number, row.where)
        if first is not row.where:
            raise DataError(f"{row.where} names row {number} a second time, after {first.partition(' of ')[0]}")
        return number

    def _check(self, where: str, classes: tuple[str, ...]) -> None:
        for (name, _), label in zip(self._columns.levels, classes, strict=True):
            if not label:
                raise DataError(f"{where} has no class in the column {name!r}")
        try:
            check_printable(classes)
        except TaxonomyError as error:
            raise TaxonomyError(f"{where}: {error}") from None
        for known, (parent, child) in zip(self._parents, pairwise(classes), strict=True):
            before, first = known.setdefault(child, (parent, where))
            if before != parent:
                raise TaxonomyError(
                    f"{where} puts {child!r} below {parent!r}, but {first.partition(' of ')[0]} below {before!r}; "
                    "a class has one parent (data.levels names the columns of classes, coarsest first)"
                )


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        yield from read_table(file, ["split"])
    except (OSError, BadTable) as error:
        raise DataError(f"cannot read the file of labels {str(file)!r}: {system_reason(error)}") from error
