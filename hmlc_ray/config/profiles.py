"""What is laid over the values of a search-space file: a profile of its own, then overrides."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from hmlc_ray.config.base import Section
from hmlc_ray.config.overrides import Pair, apply_overrides
from hmlc_ray.config.paths import Overrides, parse_overrides, set_path, shorten
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import ConfigError
from hmlc_ray.names.nearest import nearest


def overlay(
    model: type[Section], values: dict[str, Any], source: str, overrides: Overrides, profile: str | None
) -> dict[str, Any]:
    """The values of a search-space file with a profile and overrides laid over them, without `profiles`.

    Args:
        model: the class of the whole file.

    Raises:
        ConfigError: if there is no such profile, an override is malformed, or it sets what the space searches.
    """
    values = copy.deepcopy(values)
    profiles = values.pop("profiles", None) or {}
    layers = [[*_profile(profiles, source, profile)], parse_overrides(overrides)]
    for layer in layers:
        values = _lay(model, values, layer)
    for path in (path for layer in layers for path, _ in _of_base(layer)):
        if _is_searched(values.get("space"), path):
            raise ConfigError(f"{source}: {path} is searched, so set space.{path} to fix it")
    return values


def _lay(model: type[Section], values: dict[str, Any], layer: list[Pair]) -> dict[str, Any]:
    others = []
    for path, value in layer:
        first, _, rest = path.partition(".")
        if first == "space" and rest and isinstance(values.get("space"), dict):
            _set_dimension(values["space"], rest, value)
        elif not _of_base([(path, value)]):
            others.append((path, value))
    values = apply_overrides(model, values, others)
    base, given = _of_base(layer), values.get("base") or {}
    if base and isinstance(given, dict):
        values["base"] = apply_overrides(TrialConfig, given, base)
    return values


def _of_base(layer: Iterable[Pair]) -> list[Pair]:
    """What is laid over `base`: keys of a trial, with or without its name before them."""
    split = [(path, *path.partition(".")[::2], value) for path, value in layer]
    return [
        (rest if first == "base" else path, value)
        for path, first, rest, value in split
        if first in TrialConfig.model_fields or (first == "base" and rest)
    ]


def _profile(profiles: Any, source: str, name: str | None) -> Iterable[Pair]:
    if not isinstance(profiles, dict) or not all(isinstance(pairs, dict) for pairs in profiles.values()):
        raise ConfigError(f"{source}: profiles must map names to paths and values, got {shorten(profiles)}")
    if name is None:
        return []
    if name not in profiles:
        allowed = ", ".join(profiles) or "none"
        raise ConfigError(f"{source}: there is no profile {name!r}{nearest(name, profiles)}; the file has {allowed}")
    pairs: dict[str, Any] = profiles[name]
    return pairs.items()


def _set_dimension(space: dict[str, Any], path: str, value: Any) -> None:
    """Replace a dimension, written as a path or inside its section; else add it."""
    section, _, rest = path.partition(".")
    nested = space.get(section)
    if path not in space and isinstance(nested, dict) and rest and (rest in nested or rest.startswith("branch.")):
        set_path(nested, rest, value)
    else:
        space[path] = value


def _is_searched(space: Any, path: str) -> bool:
    section, _, rest = path.partition(".")
    nested = space.get(section) if isinstance(space, dict) else None
    if not isinstance(nested, dict):
        return isinstance(space, dict) and path in space
    branch = nested.get("branch")
    branch = branch if isinstance(branch, dict) else {}
    in_branch = any(isinstance(inner, dict) and rest in inner for inner in branch.values())
    return path in space or rest in nested or in_branch or (bool(branch) and rest == "kind")
