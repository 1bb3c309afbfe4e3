"""Names of files that are made of what users called things."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import count

_LONGEST = 80


def file_stem(name: str) -> str:
    """The name with other characters than letters, digits, `.`, `_` and `-` as `_`, and at most 80 of them."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[:_LONGEST]


def file_stems(names: Iterable[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """The same of several names each, joined by `-`. Those that would be one file, on systems without a difference of
    upper and lower case too, are numbered from the second on."""
    stems: dict[tuple[str, ...], str] = {}
    taken: set[str] = set()
    for parts in dict.fromkeys(names):
        plain = "-".join(map(file_stem, parts))
        numbered = (plain if n == 1 else f"{plain}-{n}" for n in count(1))
        stems[parts] = next(stem for stem in numbered if stem.casefold() not in taken)
        taken.add(stems[parts].casefold())
    return stems
