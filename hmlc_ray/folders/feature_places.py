"""Where a table of features and its labels are, and what is in a file of several arrays or columns.

Imports neither torch nor numpy.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hmlc_ray.errors import DataError, first_line
from hmlc_ray.folders.walk import is_file, is_folder

LABELS_FILE = "labels.csv"
"""Names of the table in a folder of features."""
TABLE_FILES = ("features.npy", "features.npz", "features.parquet")
SUFFIXES = (".npy", ".npz", ".parquet")
FEATURES = ("features", "embeddings", "embedding", "arr_0")
"""How the features are called in a file with several arrays or columns, where the configuration does not say."""
RESERVED = ("row", "path", "split", "text")
"""Columns of labels that do not hold classes."""
_PANDAS_INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls the columns of an index without a name: numbers of rows, not classes."""


class Places(NamedTuple):
    """The files of a table of features."""

    table: Path
    labels: Path | None
    """None: the table's own columns."""


def find_table(file: str) -> Path:
    """The table of features that a path names: a file, or in a folder the one of `TABLE_FILES`.

    Raises:
        DataError: if there is no such file, or it is of another type.
    """
    table = Path(file).expanduser().absolute()
    if is_folder(table):
        found = [table / name for name in TABLE_FILES if is_file(table / name)]
        if len(found) != 1:
            what = "none of" if not found else "several of"
            raise DataError(f"the folder {str(table)!r} holds {what} {', '.join(TABLE_FILES)}: name the table itself")
        table = found[0]
    if not table.exists():
        raise DataError(f"there is no table of features {str(table)!r}")
    if table.suffix.lower() not in SUFFIXES or not is_file(table):
        raise DataError(f"the table of features {str(table)!r} must be a file of type {', '.join(SUFFIXES)}")
    return table


def find_places(file: str, labels: str | None) -> Places:
    """The table and its labels, as `data.file` and `data.labels` name them.

    Raises:
        DataError: see `find_table`; if there are no labels.
    """
    table = find_table(file)
    if labels is not None:
        place = Path(labels).expanduser().absolute()
        if not is_file(place):
            raise DataError(f"there is no file of labels {str(place)!r}")
        return Places(table, place)
    beside = [table.parent / LABELS_FILE, table.with_suffix(".csv")]
    found = [place for place in beside if is_file(place)]
    if not found and table.suffix.lower() == ".npy":
        raise DataError(
            f"there are no labels for {str(table)!r}: neither {LABELS_FILE!r} nor {beside[1].name!r} is beside it; "
            "data.labels names a CSV file with a row for each row of the table"
        )
    return Places(table, found[0] if found else None)


class TableParts(NamedTuple):
    """The names of what is in an NPZ or Parquet file."""

    features: list[str]
    """Arrays or columns that may hold features."""
    labels: list[str]
    """Those that may hold labels."""
    single: list[str] = []  # noqa: RUF012 - a tuple's default, which nobody changes
    """Columns of single real numbers, which together are the features of a file without lists."""

    def label_names(self, features: str | None, levels: Sequence[str] | None) -> list[str]:
        """The arrays or columns of labels.

        A column of real numbers is one only where its name says so: pandas makes real numbers of whole ones as soon as
        one of them is missing.

        Args:
            features: see `features_name`.
            levels: the columns that are levels by the configuration.
        """
        named = [name for name in self.single if name.lower() in RESERVED or name in (levels or ())]
        return [name for name in self.labels if name != features] + named

    def numbers(self, levels: Sequence[str] | None) -> list[str]:
        """The columns of single real numbers that are not labels."""
        named = self.label_names(None, levels)
        return [name for name in self.single if name not in named]


def table_parts(table: Path) -> TableParts:
    """The names of the arrays of an NPZ file, or of the columns of a Parquet file.

    Raises:
        DataError: if it is none.
    """
    try:
        if table.suffix.lower() == ".npz":
            with zipfile.ZipFile(table) as archive:
                names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            return TableParts(names, names)
        from pyarrow import parquet, types

        schema = parquet.read_schema(table)
        columns = [(one.name, one.type) for one in schema if not _PANDAS_INDEX.fullmatch(one.name)]
    except Exception as error:  # of zipfile, pyarrow, the system
        raise DataError(f"cannot read the table {str(table)!r}: {first_line(error)[:200]}") from error
    of_lists = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    lists = [name for name, kind in columns if any(is_one(kind) for is_one in of_lists)]
    single = [name for name, kind in columns if types.is_floating(kind)]
    return TableParts(lists, [name for name, _ in columns if name not in (*lists, *single)], single)


def features_name(parts: TableParts, array: str | None, table: Path) -> str | None:
    """Which array or column holds the features; None: those of single numbers together.

    Raises:
        DataError: if there is none of the name that the configuration gives, or it is not clear which is meant.
    """
    there = ", ".join(map(repr, dict.fromkeys([*parts.features, *parts.labels][:8]))) or "nothing"
    if array is not None:
        if array not in parts.features:
            raise DataError(f"data.array is {array!r}, but {str(table)!r} holds {there}")
        return array
    known = [name for name in FEATURES if name in parts.features] or parts.features
    if known and (known[0] in FEATURES or len(known) == 1):
        return known[0]
    if not parts.features and parts.single:
        return None
    raise DataError(f"{str(table)!r} has no features by that name: data.array says which of {there} they are")
