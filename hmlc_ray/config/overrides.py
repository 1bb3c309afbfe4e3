"""Values laid over a configuration file's, and what happens to a section's keys when its kind changes."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from hmlc_ray.config.base import Section
from hmlc_ray.config.paths import get_path, set_path
from hmlc_ray.config.schema import default_kind, kinds

Pair = tuple[str, Any]
"""A dotted path and the value for it."""


def apply_overrides(model: type[Section], values: dict[str, Any], pairs: Iterable[Pair]) -> dict[str, Any]:
    """A copy of a file's values with others laid over them, in order.

    Where one changes the kind of a section (`objective.kind=supcon`), the file's keys that only the old kind has are
    dropped first; keys that no kind has, and keys given here, stay and are judged by the model.

    Raises:
        ConfigError: if a path goes through a value.
    """
    values, pairs = copy.deepcopy(values), list(pairs)
    for path, value in pairs:
        section, _, last = path.rpartition(".")
        if last == "kind" and section in model.model_fields and isinstance(value, str):
            set_kind(model, values, section, value)
    for path, value in pairs:
        set_path(values, path, value)
    return values


def set_kind(model: type[Section], values: dict[str, Any], section: str, kind: str) -> None:
    """Give a section of `model` another kind, in place, and drop the keys which the new kind does not have.

    Nothing is dropped where the new kind is unknown, nor a key that the old kind does not have either: both are
    mistakes, and the model's error names them.
    """
    known = kinds(model.model_fields[section])
    old = str(get_path(values, f"{section}.kind", default_kind(model.model_fields[section])))
    given = values.get(section)
    if kind in known and old in known and isinstance(given, dict):
        gone = set(known[old].model_fields) - set(known[kind].model_fields)
        values[section] = {name: value for name, value in given.items() if name not in gone}
    set_path(values, f"{section}.kind", kind)
