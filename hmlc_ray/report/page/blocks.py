"""The blocks of a page: text, tables, charts, pictures and code. Text is plain, and escaped when written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: Literal["plain", "note", "warning"] = "plain"


@dataclass(frozen=True)
class Link:
    """A text that leads to a URL; without one it is the text alone."""

    text: str
    url: str | None


@dataclass(frozen=True)
class Picture:
    """A small picture, as a `data:` URI."""

    source: str
    alt: str


Cell: TypeAlias = str | int | float | Link | Picture | None
"""A number is shown with the digits that matter; None is an empty cell."""


@dataclass(frozen=True)
class Table:
    """A table with a caption; the first column names the rows."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    sortable: bool = False
    folded: bool = False
    """Shown when it is opened, under its caption."""


@dataclass(frozen=True)
class Chart:
    """A Vega-Lite chart under a heading of its own."""

    title: str
    description: str
    """What the chart shows, in words, for those who do not see it."""
    spec: dict[str, Any]
    widest: int | None = None
    """Pixels beyond which a wider page does not make it wider; None: there is no such width."""


@dataclass(frozen=True)
class Code:
    """Commands or a program, to be copied."""

    caption: str
    text: str


@dataclass(frozen=True)
class Heading:
    """A heading below that of the section."""

    text: str


Block: TypeAlias = Text | Table | Chart | Code | Heading


@dataclass(frozen=True)
class Section:
    """A part of the page with an entry in its contents."""

    name: str
    """The fragment that leads to it: letters and dashes."""
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """A whole page."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]

    @property
    def charts(self) -> tuple[Chart, ...]:
        """The charts, in the order of the page."""
        return tuple(block for section in self.sections for block in section.blocks if isinstance(block, Chart))
