"""Tables as spreadsheets and people save them: encodings, delimiters, empty rows and columns. Imports neither torch nor
numpy."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TextIO

from hmlc_ray.files import text

Row = tuple[int, list[str]]
"""Number of the line, from 1, and the cells without the space around them."""
_DELIMITERS = ",;\t|"
_REMEDY = "save it as CSV in UTF-8 (in Excel: 'CSV UTF-8')"
_INVISIBLE = "\ufeff\u200b\u2060"
_UNNAMED = re.compile(r"(unnamed: \d+)?", re.IGNORECASE)  # pandas calls its index so


class BadTable(ValueError):
    """A table that cannot be read; the message follows `cannot read ...: `."""


def read_table(file: Path, known: Collection[str]) -> Iterator[Row]:
    """The header and the rows of a table; empty rows, and columns with neither a name nor a value, are left out.

    Commas, semicolons, tabs and bars are distinguished by the header.

    Args:
        known: names that the header has, in lower case.

    Raises:
        OSError: if the file cannot be read.
        BadTable: if it is not a table of UTF-8 or UTF-16 text.
    """
    with _opened(file) as stream:
        yield from table_rows(stream, known)


def table_rows(lines: Iterable[str], known: Collection[str]) -> Iterator[Row]:
    """The same, of lines of text with their ends.

    Raises:
        BadTable: see `read_table`.
    """
    lines, before = iter(lines), 0
    for line in lines:
        if line.strip() and not re.fullmatch(r"sep=.\s*", line, re.IGNORECASE):  # Excel's own line
            break
        before += 1
    else:
        return
    reader = csv.reader(chain([line], lines), delimiter=_delimiter(line, known), skipinitialspace=True, strict=True)
    header: list[str] | None = None
    last = before  # the last line of the row before
    try:
        for cells in reader:
            number, row = before + reader.line_num, [cell.strip().strip(_INVISIBLE).strip() for cell in cells]
            if any(row):
                header = row if header is None else header
                yield number, _named(number, row, header)
            last = number
    except csv.Error as error:
        first, now = last + 1, before + reader.line_num
        quoted = f"a quote opens here a cell that reaches line {now}, where it fails: " if now > first else ""
        raise BadTable(f"line {first}: {quoted}{error}") from None


def read_lines(file: Path) -> Iterator[tuple[int, str]]:
    """The lines of a list, stripped, with their numbers; empty ones are left out.

    Raises:
        OSError, BadTable: see `read_table`.
    """
    with _opened(file) as stream:
        yield from ((number, line.strip()) for number, line in enumerate(stream, start=1) if line.strip())


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    """The text of a file, with its line ends as they are; what cannot be decoded is reported with its line."""
    try:
        with file.open("rb") as head:
            encoding = text.encoding_of(head.read(64))
        with file.open(newline="", encoding=encoding) as stream:
            yield stream
    except (text.NotText, UnicodeDecodeError):
        decode(file.read_bytes())
        raise


def decode(content: bytes) -> str:
    """The text of a whole file.

    Raises:
        BadTable: with the line, if it is not UTF-8 text, or UTF-16 where it begins as that.
    """
    try:
        return text.decode(content)
    except text.NotText as error:
        raise BadTable(f"{error}; {_REMEDY}") from None


def _delimiter(header: str, known: Collection[str]) -> str:
    cells = {
        delimiter: [cell.strip().strip(_INVISIBLE).casefold() for cell in _first_row(header, delimiter)]
        for delimiter in _DELIMITERS
    }
    for delimiter in _DELIMITERS:
        if all(name in cells[delimiter] for name in known):
            return delimiter
    return max(_DELIMITERS, key=lambda delimiter: len(cells[delimiter]))


def _first_row(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])


def _named(number: int, row: list[str], header: list[str]) -> list[str]:
    """The cells of columns with a name, and those beyond the header."""
    while len(row) > len(header) and not row[-1]:
        row = row[:-1]
    if not any(_UNNAMED.fullmatch(name) for name in header):
        return row
    for column, cell in enumerate(row[: len(header)]):
        unnamed = _UNNAMED.fullmatch(header[column])
        if unnamed and cell and row is not header and not (column == 0 and cell.isdecimal()):
            raise BadTable(f"line {number} holds {cell!r} in column {column + 1}, which has no name in the header")
    return [cell for column, cell in enumerate(row) if column >= len(header) or not _UNNAMED.fullmatch(header[column])]
