"""What somebody may have meant by a name that nothing has."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_MOST = 1_000
"""Entries of a folder that are compared."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """` (did you mean 'x'?)`, or nothing where no allowed name is close."""
    from difflib import get_close_matches

    allowed = list(allowed)
    match = get_close_matches(name.lower(), allowed, n=1, cutoff=0.6)
    match = match or [other for other in allowed if len(name) > 2 and name.lower() in other]
    return f" (did you mean {match[0]!r}?)" if match else ""


def nearest_path(missing: Path) -> str:
    """` (did you mean 'x'?)` for a path that does not exist: a file of the same type beside it or, where it has no
    suffix, a folder that is nearly the first part of it that does not exist.
    """
    from itertools import islice

    with suppress(OSError, ValueError):
        path, suffix = missing, missing.suffix
        while not suffix and not path.parent.exists() and path != path.parent:
            path = path.parent
        entries = list(islice(path.parent.iterdir(), _MOST))
        names = [at.name for at in entries if (at.suffix == suffix if suffix else at.is_dir())]
        if suffix:  # which all of them share, so that it makes none nearer
            names = [name for name in names if nearest(path.stem, [name.removesuffix(suffix)])]
        return nearest(path.name, names)
    return ""
