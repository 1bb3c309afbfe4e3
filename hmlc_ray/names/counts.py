"""Numbers of things in sentences."""

from __future__ import annotations


def many(count: int, noun: str, plural: str = "") -> str:
    """`1 trial`, `2 trials`; `2 leaves`, where the plural is given."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def are(count: int, one: str = "is", more: str = "are") -> str:
    """The verb of so many things."""
    return one if count == 1 else more
