"""Lines for a terminal, of views and tables alike."""

from __future__ import annotations

from rich.console import Console


def print_text(console: Console, text: str) -> None:
    """A line as it is: nothing in it is markup, and a terminal's width breaks no path or command."""
    console.print(text, markup=False, highlight=False, emoji=False, soft_wrap=True)
