"""pydantic's errors as one sentence: file, dotted path, what is allowed, what was given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from hmlc_ray.config.paths import get_path, shorten
from hmlc_ray.config.plugins import no_plugin_hint
from hmlc_ray.config.schema import SectionType, describe, keys, kind_of, kinds, nearest, sections


def render(error: ValidationError, model: SectionType, values: Any, source: str) -> str:
    """One sentence for the first problem, and the number of the others.

    Args:
        model: the class that was validated.
        values: what it was given.
        source: what the sentence begins with, a file for example.
    """
    problems: dict[str, tuple[ErrorDetails, _Place]] = {}
    # An unknown key goes first: it is often the reason why another one is missing.
    for details in sorted(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden"):
        place = _Place.find(model, details["loc"])
        problems.setdefault(place.path, (details, place))
    (details, place), *others = problems.values()
    first = _sentence(details, place, values)
    return f"{source}: {first}" + (f" (and {len(others)} more)" if others else "")


class _Place:
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
    def find(cls, model: SectionType, loc: Iterable[int | str]) -> _Place:
        place, choice = cls(model), None
        for part in map(str, loc):
            if choice is not None:
                place.section, choice = choice.get(part, place.section), None
                continue
            if place.field is not None and not sections(place.field):
                break
            place.section_path = place.path
            place.names.append(part)
            place.field = keys(place.section).get(part)
            if place.field is None:
                break
            if found := sections(place.field):
                place.siblings = choice = kinds(place.field)
                choice = choice or None
                place.section = found[0] if choice is None else place.section
        return place


def _sentence(details: ErrorDetails, place: _Place, values: Any) -> str:
    error, given = details["type"], shorten(get_path(values, place.path, details["input"]))
    if error == "extra_forbidden":
        return _unknown_key(place)
    if error == "union_tag_invalid":
        allowed, tag = list(place.siblings), get_path(values, f"{place.path}.kind")
        hint = f"; the kinds are {', '.join(allowed)}{no_plugin_hint(place.path, tag, allowed)}"
        return f"{place.path}.kind is {shorten(tag)}{nearest(str(tag), allowed)}{hint}"
    if error == "value_error":
        message = str(details["ctx"]["error"])
        return f"{place.path}: {message}" if place.path and place.path not in message else message
    if place.field is None:
        return f"the file must hold a mapping, got {given}"
    if error == "missing" and details["loc"][-1] == place.names[-1]:
        hint = f"give it in the file or by -o {place.path}=..."
        return f"{place.path} is missing: {hint}; it must be {describe(place.field)}"
    return f"{place.path} must be {describe(place.field)}, got {given}"


def _unknown_key(place: _Place) -> str:
    key, allowed = place.names[-1], list(keys(place.section))
    owners = [kind for kind, section in place.siblings.items() if key in keys(section)]
    kind = kind_of(place.section)
    here = " of kind ".join(filter(None, [place.section_path, kind])) or "the top level"
    hint = f" (it belongs to kind {' and '.join(owners)})" if owners else nearest(key, allowed)
    return f"unknown key {place.path}{hint}; {here} takes {', '.join(allowed)}"
