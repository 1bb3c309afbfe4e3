"""The members of the unions of the configuration, and what of each is tested: nothing here names one of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge
from plugins.packages import EXAMPLE
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from hmlc_ray.config.schema import SectionType, kind_of, kinds
from hmlc_ray.config.trial import TrialConfig

sys.path.insert(0, str(EXAMPLE))
from hmlc_example.config import CentroidConfig, PooledConfig, StripesConfig

EXAMPLES: dict[str, SectionType] = {"objective": CentroidConfig, "encoder": PooledConfig, "data": StripesConfig}
"""Of the tests' plug-in, which is to pass what the members pass."""


def own(section: str) -> dict[str, SectionType]:
    """The classes by kind that a section of a trial can have."""
    return kinds(TrialConfig.model_fields[section])


def built_by_table(section: str) -> set[str]:
    """The kinds of the package itself: those of plug-ins, which may be installed, have a `build` of their own."""
    return {kind for kind, found in own(section).items() if not hasattr(found, "build")}


def members_of(section: str) -> list[Any]:
    """A configuration of each kind, the example's too: its defaults, and `examples` for what is required."""
    return [member(found) for found in (*own(section).values(), EXAMPLES[section])]


def member(section: SectionType, **values: Any) -> Any:
    """A configuration with defaults for all but these."""
    fields = section.model_fields.items()
    needed = {name: field.examples[0] for name, field in fields if field.is_required() and field.examples}
    return section.model_validate(needed | values)


def variants(section: SectionType) -> Iterator[tuple[str, Any]]:
    """(name, configuration): the default, then each with one key at another value, as far as that is valid alone.

    Such keys are choices, switches, and numbers that are 0 by default, as penalties are.
    """
    kind = kind_of(section)
    yield str(kind), member(section)
    for name, field in section.model_fields.items():
        for value in _others(field) if name != "kind" else ():
            try:
                yield f"{kind} {name}={value}", member(section, **{name: value})
            except ValidationError:
                continue


def _others(field: FieldInfo) -> list[Any]:
    if get_origin(field.annotation) is Literal:
        return [value for value in get_args(field.annotation) if value != field.default]
    if field.annotation is bool:
        return [not field.default]
    from_zero = any(isinstance(bound, Ge) and bound.ge == 0 for bound in field.metadata)
    return [0.5] if field.annotation is float and field.default == 0 and from_zero else []
