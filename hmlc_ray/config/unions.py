"""Unions of sections, of which pydantic builds the models that are used, alone.

Building a model takes as long as importing a small module, and a trial has some fifty, of which a file names ten.
"""

from __future__ import annotations

from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema, to_json

from hmlc_ray.config.schema import SectionType, kind_of, members


class WhenUsed:
    """On a section in an annotation: its model is built when the first of its values is validated."""

    def __get_pydantic_core_schema__(self, source: SectionType, handler: GetCoreSchemaHandler) -> CoreSchema:
        return _when_used(source)


class ByKind:
    """On a union of sections: `kind` says which of them a value is of, and each is built when it is used.

    Values, errors and their locations are those of pydantic's `Field(discriminator="kind")`.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = {str(kind_of(section)): _when_used(section) for section in members(source)}
        return core_schema.tagged_union_schema(choices, "kind", serialization=_AS_IT_IS)


WHEN_USED, BY_KIND = WhenUsed(), ByKind()
_AS_IT_IS = core_schema.simple_ser_schema("any")
"""A section is serialised by its own class."""


def _when_used(section: SectionType) -> CoreSchema:
    def strict(value: Any) -> Any:
        return section.__pydantic_validator__.validate_python(value, strict=True)

    def lax(value: Any) -> Any:
        return section.__pydantic_validator__.validate_python(value, strict=False)

    def strict_json(value: Any) -> Any:
        return section.__pydantic_validator__.validate_json(to_json(value), strict=True)

    def lax_json(value: Any) -> Any:
        return section.__pydantic_validator__.validate_json(to_json(value), strict=False)

    plain, either = core_schema.no_info_plain_validator_function, core_schema.lax_or_strict_schema
    return core_schema.json_or_python_schema(
        either(plain(lax_json), plain(strict_json)), either(plain(lax), plain(strict)), serialization=_AS_IT_IS
    )
