"""Names and values within MLflow's limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from hmlc_ray.names.cut import cut
from hmlc_ray.names.metrics import metric_key

PARAMS_PER_BATCH = 100
METRICS_PER_BATCH = 1000
MAX_PARAM = 6000
MAX_TAG = 8000

T = TypeVar("T")


def params(values: Mapping[str, object]) -> dict[str, str]:
    """As text of permitted length."""
    return {metric_key(name): cut(str(value), MAX_PARAM) for name, value in values.items()}


def tags(values: Mapping[str, object]) -> dict[str, str]:
    """As text of permitted length."""
    return {name: cut(str(value), MAX_TAG) for name, value in values.items()}


def batches(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Consecutive lists of at most `size` items."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
