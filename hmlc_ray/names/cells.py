"""Rows of Markdown tables in the descriptions that MLflow shows."""

from __future__ import annotations

_SPACE = "&emsp;"
"""MLflow draws the cells of a table without padding, and Markdown drops plain spaces at the end of a cell."""


def table_row(*cells: str) -> str:
    """The cells of one row, apart from each other in MLflow's interface."""
    return f"| {f'{_SPACE} | '.join(cells)} |"
