"""Numbers of things in sentences."""

from __future__ import annotations


def many(count: int, noun: str, plural: str = "") -> str:
    """`1 trial`, `2 trials`; `2 leaves`, where the plural is given."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def are(count: int, one: str = "is", more: str = "are") -> str:
    """The verb of so many things."""
    return one if count == 1 else more


def size(count: int) -> str:
    """`1.2 MB` of so many bytes; `43 kB` of fewer than a tenth of a megabyte."""
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 or count == 0 else f"{max(1, round(count / 1e3))} kB"
