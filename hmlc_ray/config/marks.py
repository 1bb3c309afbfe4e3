"""Rules that a key declares on its field, `Annotated[..., PerLevel()]`, and that every reader finds there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin

from pydantic.fields import FieldInfo

from hmlc_ray.config.base import Section


class PerLevel:
    """A list has one entry per level of the taxonomy, coarsest first."""


class LevelIndex:
    """An integer is the index of a level, 0 for the coarsest."""


class OnDisk:
    """A text is the path of a file or folder: made absolute for a cluster's workers, and followed where a home that was
    moved holds it."""


class AtMost(NamedTuple):
    """A number must not exceed the one that lies at a path of the trial."""

    path: str
    """Dotted, from the top of the trial, e.g. `head.embedding_dim`; where nothing is there, there is no limit."""
    called: str | None = None
    """What it is called in an error; None: its path."""
    instead: str | None = None
    """The path that the limit is read from where `path` has none."""
    instead_called: str | None = None
    """What it is called in an error; None: its path."""
    why: str | None = None
    """What follows a colon in an error."""


class DefaultFor(NamedTuple):
    """A section that gives no kind is of this class; with a modality, where the data are of that one."""

    section: type[Section]
    modality: str | None = None


Mark = TypeVar("Mark", PerLevel, LevelIndex, OnDisk, AtMost, DefaultFor)


def marks_of(field: FieldInfo, mark: type[Mark]) -> list[Mark]:
    """The marks of one class on a field."""
    found = [*field.metadata]
    annotation: Any = field.annotation
    while get_origin(annotation) is Annotated:
        annotation, *extra = get_args(annotation)
        found += extra
    return [item for item in found if isinstance(item, mark)]


def marked(section: Section, mark: type[Mark], prefix: str = "") -> Iterator[tuple[str, Any, Mark]]:
    """(dotted path, value, mark) of every marked key of a section and of the sections in it."""
    kept: Any = mark
    for name, own in _keys(type(section), kept):
        value = getattr(section, name)
        if own is not None:
            yield f"{prefix}{name}", value, own
        if isinstance(value, Section):
            yield from marked(value, mark, f"{prefix}{name}.")


def check_bounds(trial: Section) -> None:
    """Check every `AtMost`.

    Raises:
        ValueError: one sentence that names both keys.
    """
    for path, value, bound in marked(trial, AtMost):
        name, limit = bound.called or bound.path, _at(trial, bound.path)
        if limit is None and bound.instead is not None:
            name, limit = bound.instead_called or bound.instead, _at(trial, bound.instead)
        if value is not None and limit is not None and value > limit:
            raise ValueError(exceeds(path, value, name, limit, bound))


def exceeds(path: str, value: float, name: str, limit: float, bound: AtMost) -> str:
    """The sentence about a number that is too large."""
    why = f": {bound.why}" if bound.why else ""
    return f"{path} ({value:.12g}) must not exceed {name} ({limit:.12g}){why}"


@cache
def _keys(section: type[Section], mark: Any) -> tuple[tuple[str, Any], ...]:
    """The keys that are marked, and those that may hold sections."""
    keys = [(name, next(iter(marks_of(field, mark)), None), field) for name, field in section.model_fields.items()]
    return tuple((name, own) for name, own, field in keys if own is not None or _holds_sections(field.annotation))


def _holds_sections(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return True
    return any(map(_holds_sections, get_args(annotation)))


def _at(section: Section, path: str) -> Any:
    value: Any = section
    for name in path.split("."):
        value = getattr(value, name, None)
    return value
