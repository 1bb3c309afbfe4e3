"""Words of text formats to numbers, or a sentence that names the line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hmlc_ray.names.cut import cut

DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_MOST_DIGITS = 18
"""Digits of a whole number that fits into 64 bits; Python refuses those of thousands in its own words."""
_SHOWN = 40


def real(word: str, line: int) -> float:
    """A coordinate.

    Raises:
        ValueError: naming the line, if the word is not a number.
    """
    if not is_number(word):
        raise no_number(word, line)
    return float(word)


def whole(word: str, line: int) -> int:
    """A count, or the number of a vertex.

    Raises:
        ValueError: naming the line, if the word is not a whole number, or too large for any file.
    """
    try:
        if len(word) <= _MOST_DIGITS and "_" not in word:
            return int(word)
    except ValueError:
        pass
    raise ValueError(f"line {line} holds {cut(word, _SHOWN)!r}, which is not a whole number of at most 18 digits")


def is_number(word: str) -> bool:
    """Whether numpy reads it, too: Python's own numbers may have underscores."""
    try:
        float(word)
    except ValueError:
        return False
    return "_" not in word


def no_number(word: str, line: int) -> ValueError:
    """The error for a word that should be a number."""
    hint = "; decimal points are needed" if DECIMAL_COMMA.fullmatch(word) else ""
    return ValueError(f"line {line} holds {cut(word, _SHOWN)!r}, which is not a number{hint}")


def first_that_is_no_number(lines: Iterable[tuple[int, Iterable[str]]]) -> ValueError | None:
    """The error for the first such word; None: all are numbers.

    Args:
        lines: number and words of each.
    """
    return next((no_number(word, line) for line, words in lines for word in words if not is_number(word)), None)
