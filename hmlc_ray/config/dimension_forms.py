"""Dimensions from their YAML forms, and the errors of each form."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isfinite
from typing import Any, NamedTuple

from hmlc_ray.config.dimensions import LARGEST_INT, Choices, Constant, Dimension, FloatRange, IntRange, Simplex
from hmlc_ray.config.paths import shorten
from hmlc_ray.config.steps import check_step
from hmlc_ray.errors import ConfigError
from hmlc_ray.names.nearest import nearest

Spec = dict[str, Any]
CountLevels = Callable[[], int]


class Form(NamedTuple):
    """How a dimension is written: `{NAME: ..., option: ...}`."""

    parse: Callable[[Spec, str, CountLevels], Dimension]
    """Called with the mapping, the beginning of its errors, and the function that counts the levels."""
    options: tuple[str, ...] = ()


def parse_dimension(spec: Any, where: str, num_levels: CountLevels) -> Dimension:
    """A dimension from its YAML form; a value that is not a mapping is a constant.

    Args:
        spec: e.g. `{float: [1e-4, 1e-2], log: true}`.
        where: what an error begins with.
        num_levels: called for `{simplex: levels}` only, since it may have to look at the data.

    Raises:
        ConfigError: if the form is none of the known ones or its values contradict each other.
    """
    if not isinstance(spec, dict):
        return Constant(spec)
    name = next((name for name in spec if name in FORMS), None)
    if name is None:
        hint = nearest(next(iter(spec), ""), FORMS)
        raise ConfigError(f"{where}: {shorten(spec)} is not a dimension{hint}; the forms are {', '.join(FORMS)}")
    form = FORMS[name]
    for option in spec.keys() - {name, *form.options}:
        allowed = ", ".join(form.options) or "no options"
        raise ConfigError(f"{where}: unknown key {option}{nearest(option, form.options)}; {name} takes {allowed}")
    return form.parse(spec, where, num_levels)


def _float(spec: Spec, where: str, num_levels: CountLevels) -> Dimension:
    return _range("float", spec, where)


def _int(spec: Spec, where: str, num_levels: CountLevels) -> Dimension:
    return _range("int", spec, where)


def _range(form: str, spec: Spec, where: str) -> Dimension:
    types = (int,) if form == "int" else (int, float)
    ends, step, log = spec[form], spec.get("step"), spec.get("log", False)
    noun = "integers" if form == "int" else "finite numbers"
    if not isinstance(ends, list | tuple) or len(ends) != 2 or not all(_is_number(end, types) for end in ends):
        raise ConfigError(f"{where}: {form} must be [low, high], two {noun}, got {shorten(ends)}")
    low, high = ends
    if form == "int" and max(abs(low), abs(high)) > LARGEST_INT:
        raise ConfigError(f"{where}: the ends of an int range must lie within {LARGEST_INT}, got {shorten(ends)}")
    if low > high:
        raise ConfigError(f"{where}: low end {low} must not exceed high end {high}")
    if not isinstance(log, bool):
        raise ConfigError(f"{where}: log must be true or false, got {shorten(log)}")
    if log and low <= 0:
        raise ConfigError(f"{where}: with log: true the low end must be above 0, got {low}")
    if step is not None:
        if log:
            raise ConfigError(f"{where}: log: true and step exclude each other")
        if not _is_number(step, types) or step <= 0:
            raise ConfigError(f"{where}: step must be above 0 and divide {high} - {low}, got {shorten(step)}")
        check_step(low, high, step, where)
    if form == "int":
        return IntRange(low, high, log, step or 1)
    return FloatRange(float(low), float(high), log, None if step is None else float(step))


def _choices(spec: Spec, where: str, num_levels: CountLevels) -> Choices:
    values = spec["choice"]
    if not isinstance(values, list | tuple) or not values:
        raise ConfigError(f"{where}: choice must be a non-empty list, got {shorten(values)}")
    seen: set[str] = set()
    for value in values:
        if (text := json.dumps(value, sort_keys=True)) in seen:
            raise ConfigError(f"{where}: choice holds {shorten(value)} twice")
        seen.add(text)
    return Choices(tuple(values))


def _simplex(spec: Spec, where: str, num_levels: CountLevels) -> Simplex:
    size = spec["simplex"]
    if size == "levels":
        return Simplex(num_levels())
    if not _is_number(size, (int,)) or size < 1:
        raise ConfigError(f"{where}: simplex must be levels or the number of weights (at least 1), got {shorten(size)}")
    return Simplex(size)


def _is_number(value: Any, types: tuple[type[int] | type[float], ...]) -> bool:
    """Whether a value is a finite number of these types; true is none."""
    return isinstance(value, types) and not isinstance(value, bool) and isfinite(value)


FORMS: dict[str, Form] = {
    "float": Form(_float, ("log", "step")),
    "int": Form(_int, ("log", "step")),
    "choice": Form(_choices),
    "simplex": Form(_simplex),
}
"""The forms by the key that names them."""
