"""Dotted paths: a configuration as flat values, and single values set by path."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from hmlc_ray.config.load import parse_yaml
from hmlc_ray.config.plain import plain
from hmlc_ray.config.taxonomy import Tree
from hmlc_ray.errors import ConfigError

Scalar = str | int | float | bool | None
_TREE = "data.taxonomy.tree"
Overrides = str | Iterable[str | tuple[str, Any]] | Mapping[str, Any]
"""Values laid over a configuration: `path=value` texts, or values by their dotted paths, as a mapping or in pairs."""


def flatten(config: BaseModel) -> dict[str, Scalar]:
    """Every value by its dotted path, e.g. `objective.temperature`: the MLflow params of a run.

    A list becomes JSON text, and a tree, which would be too long, its digest.
    """
    flat: dict[str, Scalar] = {}

    def visit(prefix: str, value: Any) -> None:
        if isinstance(value, dict) and prefix == _TREE:
            flat[prefix] = Tree.model_validate(value).digest
        elif isinstance(value, dict):
            for name, inner in value.items():
                visit(f"{prefix}.{name}" if prefix else name, inner)
        else:
            flat[prefix] = json.dumps(value) if isinstance(value, list) else value

    visit("", config.model_dump(mode="json"))
    return flat


def set_path(values: dict[str, Any], path: str, value: Any) -> None:
    """Set one value in nested mappings, in place; sections on the way are made where they are missing or null.

    Raises:
        ConfigError: if something on the way is a value and no section.
    """
    *sections, last = path.split(".")
    for depth, name in enumerate(sections):
        inner = values[name] = {} if values.get(name) is None else values[name]
        if not isinstance(inner, dict):
            parent = ".".join(sections[: depth + 1])
            raise ConfigError(f"{path} cannot be set: {parent} is {shorten(inner)} and not a section of keys")
        values = inner
    values[last] = value


def get_path(values: Any, path: str, default: Any = None) -> Any:
    """The value at a dotted path of nested mappings, or the default where there is none."""
    for name in path.split("."):
        if not isinstance(values, Mapping) or name not in values:
            return default
        values = values[name]
    return values


_FORMS = "give a mapping of dotted paths to values, texts path=value, or pairs of a path and a value"


def parse_override(text: str) -> tuple[str, Any]:
    """`path=value` as (path, value); the value is YAML, so that `1e-3`, `[1, 2]`, `null` and `{kind: sgd}` work.

    Raises:
        ConfigError: if there is no `=`, the path is not a dotted path, or the value is not YAML.
    """
    path, equals, value = text.partition("=")
    if not equals or not _is_path(path.strip()):
        raise ConfigError(f"override {text!r}: write it as path=value, for example objective.temperature=0.2")
    return path.strip(), parse_yaml(value, f"override {text!r}", placed=False)


def parse_overrides(overrides: Overrides) -> list[tuple[str, Any]]:
    """Every override as (path, value), in the order given.

    Raises:
        ConfigError: if one is malformed; see `parse_override`.
    """
    if isinstance(overrides, str):
        overrides = [overrides]
    elif isinstance(overrides, Mapping):
        overrides = overrides.items()
    elif not isinstance(overrides, Iterable):
        raise ConfigError(f"overrides {overrides!r}: {_FORMS}")
    return [parse_override(given) if isinstance(given, str) else _checked(given) for given in overrides]


def _checked(pair: Any) -> tuple[str, Any]:
    if not isinstance(pair, Sequence) or len(pair) != 2:
        raise ConfigError(f"override {pair!r}: {_FORMS}")
    path, value = pair
    if not isinstance(path, str) or not _is_path(path):
        raise ConfigError(f"override {path!r}: give a dotted path, for example objective.temperature")
    return path, plain(value, f"override {path!r}")


def _is_path(text: str) -> bool:
    return all(name.replace("-", "_").isidentifier() for name in text.split("."))


def shorten(value: Any, limit: int = 80) -> str:
    """A value as it is shown in an error: JSON, cut at `limit` characters."""
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."
