"""What `--json` prints: one JSON document on stdout, see `docs/terminal.md`."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TextIO

import typer

_stdout: list[TextIO | None] = []
"""Where JSON goes, while everything else that is printed goes to stderr; None: a stdout that is closed."""


@contextmanager
def json_alone() -> Iterator[None]:
    """Keep stdout for `print_json`: a plug-in or a library that prints would make what is there no JSON."""
    _stdout.append(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _stdout.pop()


def print_json(value: object, indent: int | None = 2) -> None:
    """Print a value as JSON: a dataclass by its fields, a path as text, and a number that is not finite as null."""
    stdout = _stdout[-1] if _stdout else sys.stdout
    if stdout is not None:
        typer.echo(json.dumps(plain(value), indent=indent, allow_nan=False), file=stdout)


def plain(value: Any) -> Any:
    """The value in JSON's own types."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
