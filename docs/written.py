"""What the programs that write parts of pages share. Each writes between two lines of its own in a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path


def rewritten(page: Path, mark: str, made: str) -> str:
    """The text of a page, with what is made between its two marks instead of what is there.

    Args:
        mark: a whole line.
        made: Markdown.
    """
    before, _, after = page.read_text(encoding="utf-8").partition(mark)
    _, _, after = after.partition(mark)
    return f"{before}{mark}\n{made}\n\n{mark}{after}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))
