"""Configurations that a program gives, as the plain values that a file would hold."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from hmlc_ray.config.load import MAX_DEPTH, load_yaml
from hmlc_ray.config.packaged import configuration_file
from hmlc_ray.errors import ConfigError

Source = str | os.PathLike[str] | Mapping[str, Any] | BaseModel
"""A configuration: the path of a YAML file, the name of one of the package, its values, or a section built of them."""


def values_of(source: Source, *, suites_first: bool = False) -> tuple[dict[str, Any], str]:
    """The values of a configuration, and the beginning of its errors.

    Args:
        source: where they are.
        suites_first: whether a name that the package has twice is that of the suite.

    Raises:
        ConfigError: if the file cannot be read (see `configuration_file` and `load_yaml`), or the values are not
            those of a configuration.
    """
    if isinstance(source, str | os.PathLike):
        return load_yaml(configuration_file(source, suites_first=suites_first)), str(source)
    name = type(source).__name__ if isinstance(source, BaseModel) else "configuration"
    values = plain(source, name)
    if not isinstance(values, dict):
        raise ConfigError(
            "a configuration must be the path of a YAML file, a mapping of its values, a TrialConfig or a SweepConfig, "
            f"got {type(source).__name__}"
        )
    return values, name


def plain(value: Any, source: str, depth: int = 0) -> Any:
    """The value in the types that a file has: tuples and NumPy's arrays become lists, paths text.

    What no file can hold is left as it is: validation reports it with its path.

    Raises:
        ConfigError: if a key is not text, or values are nested too deep, as in a mapping that holds itself.
    """
    if depth > MAX_DEPTH:
        raise ConfigError(f"{source}: values are nested more than {MAX_DEPTH} deep")
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise ConfigError(f"{source}: a key must be text, got {key!r}")
        return {str(key): plain(inner, source, depth + 1) for key, inner in value.items()}
    if type(value).__module__ == "numpy":
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(inner, source, depth + 1) for inner in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value
