"""Metric names as MLflow accepts them; level names come from the user's folders, so they may hold anything."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from hmlc_ray.errors import TaxonomyError

MAX_KEY = 250
_LONGEST_METRIC = 60
"""Most characters of a metric's name, without its level."""


def metric_key(name: str) -> str:
    """The name with other characters as `_`, path-like parts resolved, and at most `MAX_KEY` characters."""
    allowed = re.sub(r"[^/\w.\- :]", "_", name)
    return posixpath.normpath("/" + allowed).lstrip("/")[:MAX_KEY] or "_"


def check_level_keys(names: Sequence[str]) -> None:
    """Check that no two levels share a metric name: the second would be a repetition of the first.

    Raises:
        TaxonomyError: naming the two.
    """
    metric = "x" * _LONGEST_METRIC
    seen = {metric_key(f"{metric}/mean"): "mean"}
    if "leaf" not in names:
        seen[metric_key(f"{metric}/leaf")] = "leaf"
    for name in names:
        key = metric_key(f"{metric}/{name}")
        if not key.startswith(f"{metric}/"):
            raise TaxonomyError(f"no level can be called {name!r}: in a metric's name it would lead to a parent folder")
        if key in seen:
            raise TaxonomyError(
                f"level names {seen[key]!r} and {name!r} would be one in MLflow, which distinguishes names by letters, "
                f"digits, _ - . : / and spaces, and by {MAX_KEY - _LONGEST_METRIC - 1} characters at most: rename one"
            )
        seen[key] = name
