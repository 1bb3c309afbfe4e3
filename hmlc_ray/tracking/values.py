"""Names and values within MLflow's limits."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

PARAMS_PER_BATCH = 100
METRICS_PER_BATCH = 1000
MAX_KEY = 250
MAX_PARAM = 6000
MAX_TAG = 8000

T = TypeVar("T")


def key(name: str) -> str:
    """A metric's or parameter's name as MLflow takes it: other characters become `_`, path-like parts are resolved.

    Level names come from the user's folders, so they may hold anything.
    """
    allowed = re.sub(r"[^/\w.\- :]", "_", name)
    return posixpath.normpath("/" + allowed).lstrip("/")[:MAX_KEY] or "_"


def params(values: Mapping[str, object]) -> dict[str, str]:
    """As text of permitted length."""
    return {key(name): shorten(str(value), MAX_PARAM) for name, value in values.items()}


def tags(values: Mapping[str, object]) -> dict[str, str]:
    """As text of permitted length."""
    return {name: shorten(str(value), MAX_TAG) for name, value in values.items()}


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, the last of them `…` if something was cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def batches(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Consecutive lists of at most `size` items."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
