"""What the models allow, read from the models themselves: sections, kinds, fields and their ranges in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Interval, Le, Lt, MaxLen, MinLen
from pydantic.fields import FieldInfo

from hmlc_ray.config.base import Section
from hmlc_ray.config.marks import DefaultFor, marks_of
from hmlc_ray.names.counts import many

SectionType = type[Section]


def sections(field: FieldInfo) -> list[SectionType]:
    """The section classes that a field may hold; empty for a plain value, several where it has kinds."""
    return [part for part in members(field.annotation) if isinstance(part, type) and issubclass(part, Section)]


def kinds(field: FieldInfo) -> dict[str, SectionType]:
    """The classes of a field that `kind` distinguishes; empty for any other field."""
    classes = {kind_of(section): section for section in sections(field)}
    return {kind: section for kind, section in classes.items() if kind is not None} if len(classes) > 1 else {}


def kind_of(section: SectionType) -> str | None:
    """The value of a section's `kind`, or None where it has no such key."""
    field = section.model_fields.get("kind")
    return str(get_args(field.annotation)[0]) if field else None


def names(field: FieldInfo) -> tuple[str, ...]:
    """The texts that a field may hold instead of a section or another value; empty where it has no such choice."""
    choices = [part for part in members(field.annotation) if get_origin(part) is Literal]
    return tuple(name for part in choices for name in get_args(part) if isinstance(name, str))


def keys(section: SectionType) -> dict[str, FieldInfo]:
    """The fields of a section by the keys that files give them, which differ where a key is a word of Python."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def default_kinds(model: SectionType, values: Mapping[str, Any]) -> dict[str, str]:
    """The kind, by key, of every section that has kinds and does not give one; `values` are the model's."""
    return _own_kinds(model) | _kinds_of(model.other_defaults(values))


def with_default_kinds(model: SectionType, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with a kind in every section that has kinds, so that `objective: {temperature: 0.2}` works."""
    full = dict(values)
    for name, kind in default_kinds(model, values).items():
        section = full.get(name)
        if isinstance(section, dict) and "kind" not in section:
            full[name] = {"kind": kind, **section}
    return full


@cache
def _own_kinds(model: SectionType) -> dict[str, str]:
    own = {name: field for name, field in model.model_fields.items() if kinds(field)}
    made = {name: field.default_factory for name, field in own.items()}
    classes = {name: section for name, section in made.items() if isinstance(section, type)}
    # A key that is None where it is left out has a default kind all the same.
    marks = [(name, mark) for name, field in own.items() for mark in marks_of(field, DefaultFor)]
    return _kinds_of(classes | {name: mark.section for name, mark in marks if mark.modality is None})


def _kinds_of(classes: Mapping[str, SectionType]) -> dict[str, str]:
    found = {name: kind_of(section) for name, section in classes.items()}
    return {name: kind for name, kind in found.items() if kind is not None}


def describe(field: FieldInfo) -> str:
    """The allowed values of a field in words, to follow `must be`: its own `allowed`, else by its type and bounds."""
    extra = field.json_schema_extra
    allowed = extra.get("allowed") if isinstance(extra, dict) else None
    return str(allowed) if allowed else _either(field.annotation, field.metadata)


def members(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a (possibly annotated) type, flattened."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return members(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return tuple(member for part in get_args(annotation) for member in members(part))
    return (annotation,)


def _either(annotation: Any, metadata: Iterable[Any]) -> str:
    metadata = list(metadata)
    while get_origin(annotation) is Annotated:
        annotation, *extra = get_args(annotation)
        metadata += [m for e in extra for m in (e.metadata if isinstance(e, FieldInfo) else [e])]
    if get_origin(annotation) in (Union, UnionType):
        return ", or ".join(dict.fromkeys(_either(part, metadata) for part in get_args(annotation)))
    return _one(annotation, metadata)


def _one(annotation: Any, metadata: list[Any]) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        names = [str(arg) for arg in args]
        return names[0] if len(names) == 1 else f"one of {', '.join(names)}"
    if origin in (tuple, list):
        return _list(origin, args, metadata)
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return "a section of keys"
    names_of = {bool: "true or false", int: "an integer", float: "a number", NoneType: "null", dict: "a mapping"}
    if annotation is str:
        return "text" if not any(isinstance(m, MinLen) and m.min_length for m in metadata) else "text, not empty"
    name = names_of.get(origin or annotation, "a value")
    if name == "a mapping" and (least := _least(metadata)):
        return f"{name} of at least {many(least, 'entry', 'entries')}"
    return f"{name} {limits}" if annotation in (int, float) and (limits := _limits(metadata)) else name


def _list(origin: type, args: tuple[Any, ...], metadata: list[Any]) -> str:
    if origin is tuple and Ellipsis not in args:
        return f"a list of {many(len(args), 'value')}, each {_either(args[0], [])}"
    longest = [m.max_length for m in metadata if isinstance(m, MaxLen)]
    least = _least(metadata)
    if least > 1:
        return f"a list of at least {least} values, each {_either(args[0], [])}"
    size = f"at most {longest[0]} " if longest else ""
    return f"a {'non-empty ' if least else ''}list of {size}values, each {_either(args[0], [])}"


def _least(metadata: Iterable[Any]) -> int:
    """How many values there must be."""
    return max((m.min_length for m in metadata if isinstance(m, MinLen)), default=0)


def _limits(metadata: Iterable[Any]) -> str:
    bounds: dict[str, Any] = {}
    for m in metadata:
        for bound in m if isinstance(m, Interval) else (m,):
            bounds |= {n: getattr(bound, n) for n, t in _BOUNDS.items() if isinstance(bound, t)}
    if "ge" in bounds and "le" in bounds:
        return f"from {bounds['ge']} to {bounds['le']}"
    words = {"gt": "above", "ge": "of at least", "lt": "below", "le": "of at most"}
    return " and ".join(f"{words[name]} {bounds[name]}" for name in words if name in bounds)


_BOUNDS = {"gt": Gt, "ge": Ge, "lt": Lt, "le": Le}
