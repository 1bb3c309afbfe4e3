"""pydantic's errors as one sentence: file, dotted path, what is allowed, what was given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from hmlc_ray.config.paths import get_path, shorten
from hmlc_ray.config.plugins import no_plugin_hint
from hmlc_ray.config.schema import SectionType, describe, keys, kind_of, kinds, sections
from hmlc_ray.names.nearest import nearest


def render(error: ValidationError, model: SectionType, values: Any, source: str) -> str:
    """One sentence for the first problem, and the number of the others.

    Args:
        model: the class that was validated.
        values: what it was given.
        source: what the sentence begins with, a file for example.
    """
    problems: dict[str, tuple[ErrorDetails, _Position]] = {}
    # An unknown key goes first: it is often the reason why another one is missing.
    for details in sorted(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden"):
        position = _Position.find(model, details["loc"])
        problems.setdefault(position.path, (details, position))
    (details, position), *others = problems.values()
    first = _sentence(details, position, values)
    return f"{source}: {first}" + (f" (and {len(others)} more)" if others else "")


class _Position:
    """Where an error lies: pydantic's location without the tags of unions and the indices in lists."""

    def __init__(self, section: SectionType) -> None:
        self.section = section
        self.section_path = ""
        self.names: list[str] = []
        self.field: FieldInfo | None = None
        self.siblings: dict[str, SectionType] = {}

    @property
    def path(self) -> str:
        return ".".join(self.names)

    @classmethod
    def find(cls, model: SectionType, loc: Iterable[int | str]) -> _Position:
        position, choice = cls(model), None
        for part in map(str, loc):
            if choice is not None:
                position.section, choice = choice.get(part, position.section), None
                continue
            if position.field is not None and not sections(position.field):
                break
            position.section_path = position.path
            position.names.append(part)
            position.field = keys(position.section).get(part)
            if position.field is None:
                break
            if found := sections(position.field):
                position.siblings = choice = kinds(position.field)
                choice = choice or None
                position.section = found[0] if choice is None else position.section
        return position


def _sentence(details: ErrorDetails, position: _Position, values: Any) -> str:
    error, given = details["type"], shorten(get_path(values, position.path, details["input"]))
    if error == "extra_forbidden":
        return _unknown_key(position)
    if error == "union_tag_invalid":
        allowed, tag = list(position.siblings), get_path(values, f"{position.path}.kind")
        hint = f"; the kinds are {', '.join(allowed)}{no_plugin_hint(position.path, tag, allowed)}"
        return f"{position.path}.kind is {shorten(tag)}{nearest(str(tag), allowed)}{hint}"
    if error == "value_error":
        message = str(details["ctx"]["error"])
        return f"{position.path}: {message}" if position.path and position.path not in message else message
    if position.field is None:
        return f"the file must hold a mapping, got {given}"
    if error == "missing" and details["loc"][-1] == position.names[-1]:
        hint = f"give it in the file or by -o {position.path}=..."
        return f"{position.path} is missing: {hint}; it must be {describe(position.field)}"
    return f"{position.path} must be {describe(position.field)}, got {given}"


def _unknown_key(position: _Position) -> str:
    key, allowed = position.names[-1], list(keys(position.section))
    owners = [kind for kind, section in position.siblings.items() if key in keys(section)]
    kind = kind_of(position.section)
    here = " of kind ".join(filter(None, [position.section_path, kind])) or "the top level"
    hint = f" (it belongs to kind {' and '.join(owners)})" if owners else nearest(key, allowed)
    return f"unknown key {position.path}{hint}; {here} takes {', '.join(allowed)}"
