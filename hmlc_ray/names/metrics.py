"""Figures' names as MLflow takes them; level names come from the user's folders, so they may hold anything."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from hmlc_ray.errors import TaxonomyError

MAX_KEY = 250
_LONGEST_FIGURE = 60
"""Characters of a figure's name at most, without its level."""


def metric_key(name: str) -> str:
    """The name with other characters as `_`, path-like parts resolved, and at most `MAX_KEY` characters."""
    allowed = re.sub(r"[^/\w.\- :]", "_", name)
    return posixpath.normpath("/" + allowed).lstrip("/")[:MAX_KEY] or "_"


def check_level_keys(names: Sequence[str]) -> None:
    """Check that no two levels share a figure: the second would be taken for a repetition of the first.

    Raises:
        TaxonomyError: naming the two.
    """
    figure = "x" * _LONGEST_FIGURE
    seen = {metric_key(f"{figure}/mean"): "mean"}
    if "leaf" not in names:
        seen[metric_key(f"{figure}/leaf")] = "leaf"
    for name in names:
        key = metric_key(f"{figure}/{name}")
        if not key.startswith(f"{figure}/"):
            raise TaxonomyError(f"no level can be called {name!r}: in a figure's name it would be a path upwards")
        if key in seen:
            raise TaxonomyError(
                f"level names {seen[key]!r} and {name!r} would be one in MLflow, which tells names apart by letters, "
                f"digits, _ - . : / and spaces, and by {MAX_KEY - _LONGEST_FIGURE - 1} characters at most: rename one"
            )
        seen[key] = name
