"""Values laid over a configuration file's; a section whose kind changes keeps the keys that fit."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from hmlc_ray.config.base import Section
from hmlc_ray.config.paths import get_path, set_path
from hmlc_ray.config.schema import SectionType, default_kinds, kinds, sections
from hmlc_ray.config.validate import with_tuples

Pair = tuple[str, Any]
"""A dotted path and the value for it."""


def apply_overrides(model: type[Section], values: dict[str, Any], pairs: Iterable[Pair]) -> dict[str, Any]:
    """A copy of a file's values with others laid over them, in order.

    Where one changes the kind of a section (`objective.kind=supcon`), the file's keys that do not fit the new kind
    because the old one brought them in are dropped first, see `keys_for`; keys given here stay and are judged by the
    model. A section of the file that gives no kind has the one that the file itself makes the default.

    Raises:
        ConfigError: if a path goes through a value.
    """
    file, values, pairs = values, copy.deepcopy(values), list(pairs)
    for path, value in pairs:
        section, _, last = path.rpartition(".")
        if last == "kind" and isinstance(value, str):
            _set_kind(model, values, file, section, value)
    for path, value in pairs:
        set_path(values, path, value)
    return values


def keys_for(kind: str, known: dict[str, SectionType], former: Iterable[str], given: dict[str, Any]) -> dict[str, Any]:
    """The keys of a section that is to be of another kind: those that only former kinds have are left out, and so are
    defaults of a former kind, as a file with all keys has them, that the kind does not allow.

    Nothing is left out where the kind is unknown, nor a key that no former kind has: both are mistakes, and the model's
    error names them. The same goes for a value that somebody chose and the kind does not allow.

    Args:
        known: the classes of the section by kind.
        former: the kinds that the keys may have been written for.
    """
    new, old = known.get(kind), [known[name] for name in former if name in known and name != kind]
    if new is None:
        return given
    return {
        name: value
        for name, value in given.items()
        if not any(name in section.model_fields for section in old)
        or (name in new.model_fields and (_allows(new, name, value) or not _is_default(old, name, value)))
    }


def _set_kind(model: SectionType, values: dict[str, Any], file: dict[str, Any], path: str, kind: str) -> None:
    """Change the keys of the section at a path to those of another kind, in place; nothing where there is none."""
    parent, _, name = path.rpartition(".")
    owner = _section_at(model, parent)
    known = kinds(owner.model_fields[name]) if owner is not None and name in owner.model_fields else {}
    given = get_path(values, path)
    if owner is None or not known or not isinstance(given, dict):
        return
    within = get_path(file, parent, {}) if parent else file
    default = default_kinds(owner, within if isinstance(within, dict) else {}).get(name)
    set_path(values, path, keys_for(kind, known, [str(given.get("kind", default))], given) | {"kind": kind})


def _section_at(model: SectionType, path: str) -> SectionType | None:
    """The class of the section at a path, where no kind decides it."""
    for name in filter(None, path.split(".")):
        found = sections(model.model_fields[name]) if name in model.model_fields else []
        if len(found) != 1:
            return None
        model = found[0]
    return model


def _is_default(former: Iterable[SectionType], name: str, value: Any) -> bool:
    fields = [section.model_fields[name] for section in former if name in section.model_fields]
    return any(with_tuples(value) == field.get_default(call_default_factory=True) for field in fields)


def _allows(section: SectionType, name: str, value: Any) -> bool:
    """Whether a section takes this value for a key, whatever its other keys are."""
    try:
        section.model_validate({name: with_tuples(value)}, strict=True)
    except ValidationError as error:
        return all(details["loc"][:1] != (name,) for details in error.errors(include_url=False))
    return True
