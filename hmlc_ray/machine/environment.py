"""Environment variables: those that hold seconds, and those that are set for a while and put back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from hmlc_ray.errors import ConfigError


def seconds_of(variable: str, default: float) -> float:
    """The seconds that a variable holds, at least 0; the default where it is not set.

    Raises:
        ConfigError: if its value is not a number.
    """
    text = os.environ.get(variable, str(default))
    try:
        return max(0.0, float(text))
    except ValueError:
        raise ConfigError(f"{variable} must be a number of seconds, got {text!r}") from None


@contextmanager
def variables(values: Mapping[str, str | None]) -> Iterator[None]:
    """Environment variables of this process, and of those that it starts, for the time of the block; None: not set."""
    before = {name: os.environ.get(name) for name in values}
    _set(values)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
