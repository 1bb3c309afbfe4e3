"""Plain values to a validated section, strictly: no text for numbers, no `true` for 1."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import ValidationError

from hmlc_ray.config.base import Section
from hmlc_ray.config.error_messages import render
from hmlc_ray.errors import ConfigError

SectionT = TypeVar("SectionT", bound=Section)


def validate(model: type[SectionT], values: Any, source: str) -> SectionT:
    """Build a section from what a YAML or JSON file held.

    Raises:
        ConfigError: one sentence that begins with `source`.
    """
    try:
        return model.model_validate(with_tuples(values), strict=True)
    except ValidationError as error:
        raise ConfigError(render(error, model, values, source)) from None


def with_tuples(values: Any) -> Any:
    """Files know lists only, and a strict model takes no list for a tuple."""
    if isinstance(values, dict):
        return {name: with_tuples(value) for name, value in values.items()}
    if isinstance(values, list):
        return tuple(with_tuples(value) for value in values)
    return values
