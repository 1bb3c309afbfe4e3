"""A table of leaves and their parents: CSV with a header, a row per leaf, columns from the leaf to the coarsest level.

```
leaf,parent,grandparent
golden_retriever,dog,animal
```
Imports neither torch nor numpy.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

from hmlc_ray.errors import TaxonomyError, system_reason
from hmlc_ray.names.counts import many
from hmlc_ray.names.levels import check_level_names, check_printable, composed
from hmlc_ray.tables.csv_files import BadTable, decode, table_rows

MAX_BYTES = 16 << 20


@dataclass(frozen=True)
class LeafTable:
    """The paths of leaves."""

    level_names: tuple[str, ...]
    """The header, turned round: coarsest first, the leaf column last."""
    paths: Mapping[str, tuple[str, ...]]
    """Classes of each leaf, coarsest first, the leaf itself last; in the order of the rows."""


def read_leaf_table(file: Path) -> LeafTable:
    """Read and check a table; names are composed (NFC), empty lines ignored.

    Raises:
        TaxonomyError: with the line, if the file cannot be read, its first column is not `leaf`, a level's name is not
            allowed, a cell is empty, missing or cannot be printed, a leaf is listed twice, or a class has two parents.
    """
    rows = _rows(file)
    if not rows:
        raise TaxonomyError(f"{str(file)!r} is empty; its first line must be a header such as leaf,parent,grandparent")
    (_, header), body = rows[0], rows[1:]
    _check_header(file, header)
    check_printable(chain(header, *(row for _, row in body)))
    paths: dict[str, tuple[str, ...]] = {}
    for line, row in body:
        _check_row(f"line {line} of {str(file)!r}", header, row, paths)
        paths[row[0]] = tuple(reversed(row))
    _check_parents(file, header, body)
    return LeafTable(tuple(reversed(header)), paths)


def read_text(file: Path) -> str:
    """The text of a file that describes a taxonomy, UTF-8 or UTF-16.

    Raises:
        OSError: if it cannot be read.
        BadTable: if it is not such text.
        TaxonomyError: if it is larger than any taxonomy.
    """
    with file.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise TaxonomyError(f"{str(file)!r} is larger than {MAX_BYTES >> 20} MiB, which no taxonomy needs")
    return decode(content)


def _rows(file: Path) -> list[tuple[int, list[str]]]:
    """Stripped cells with their line numbers."""
    try:
        rows = table_rows(io.StringIO(read_text(file), newline=""), ["leaf"])
        return [(line, [composed(cell) for cell in row]) for line, row in rows]
    except (OSError, BadTable) as error:
        raise TaxonomyError(f"cannot read the table {str(file)!r}: {system_reason(error)}") from error


def _check_header(file: Path, header: Sequence[str]) -> None:
    if not header or header[0].lower() != "leaf":
        raise TaxonomyError(f"{str(file)!r} must start with a header whose first is `leaf`, got {','.join(header)!r}")
    for name in header:
        if name.lower() in ("path", "split"):
            raise TaxonomyError(
                f"{str(file)!r} has a column {name!r}, as a manifest of samples has and no tree of classes"
            )
    try:
        check_level_names(header[::-1])
    except TaxonomyError as error:
        raise TaxonomyError(f"the header of {str(file)!r} is wrong: {error}") from error


def _check_row(where: str, header: Sequence[str], row: Sequence[str], seen: Mapping[str, object]) -> None:
    if len(row) != len(header) or not all(row):
        filled = sum(map(bool, row))
        raise TaxonomyError(
            f"{where} fills {filled} of {many(len(header), 'column')}; an even tree gives every leaf all its parents"
        )
    if row[0] in seen:
        raise TaxonomyError(f"{where} lists the leaf {row[0]!r} a second time; a leaf has exactly one path")


def _check_parents(file: Path, header: Sequence[str], body: Sequence[tuple[int, Sequence[str]]]) -> None:
    """A class is known by its name alone here, so one name below two parents is a mistake."""
    for child, parent in pairwise(range(len(header))):
        parents: dict[str, str] = {}
        for line, row in body:
            known = parents.setdefault(row[child], row[parent])
            if known != row[parent]:
                raise TaxonomyError(
                    f"line {line} of {str(file)!r} puts {header[child]} {row[child]!r} below {row[parent]!r}, "
                    f"but an earlier line below {known!r}; a class has one parent"
                )
