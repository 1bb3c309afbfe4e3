"""The paths of configurations, and their update when a home folder is moved together with what they name."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hmlc_ray.config.base import Section
from hmlc_ray.config.dimension_forms import FORMS
from hmlc_ray.config.marks import OnDisk, marked, marks_of
from hmlc_ray.config.schema import sections
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import ConfigError
from hmlc_ray.home import Home

Change = Callable[[str], str]
"""From a path to another."""


@cache
def path_keys() -> dict[str, tuple[str, ...]]:
    """The keys that hold a path in any kind of a section, by section."""
    found: dict[str, dict[str, None]] = {}
    for name, field in TrialConfig.model_fields.items():
        for section in sections(field):
            keys = [key for key, own in section.model_fields.items() if marks_of(own, OnDisk)]
            found.setdefault(name, {}).update(dict.fromkeys(keys))
    return {name: tuple(keys) for name, keys in found.items() if keys}


def followed(config: TrialConfig, home: Home) -> TrialConfig:
    """The trial with its paths as they are now; see `Home.followed`."""
    return with_paths(config, home.followed)


def with_paths(config: TrialConfig, change: Change) -> TrialConfig:
    """The trial with every path changed."""
    for name in path_keys():
        part: Section = getattr(config, name)
        known = {key: value for key, value, _ in marked(part, OnDisk) if isinstance(value, str)}
        changed = {key: now for key, value in known.items() if (now := change(value)) != value}
        if changed:
            config = config.model_copy(update={name: part.model_copy(update=changed)})
    return config


def followed_sweep(sweep: SweepConfig, home: Home) -> SweepConfig:
    """The sweep with its paths, and the locations of its results and trials, as they are now."""
    sweep = with_given_paths(sweep, home.followed)  # searched ones are parameters of the study, which stay
    locations = {name: _location(getattr(sweep.study, name), home) for name in ("storage", "optuna_storage")}
    return sweep.model_copy(update={"study": sweep.study.model_copy(update=locations)})


def with_given_paths(sweep: SweepConfig, change: Change) -> SweepConfig:
    """The sweep with every path in its base and its listed points changed."""
    points = tuple(_with_paths(point, change) for point in sweep.points)
    return sweep.model_copy(update={"base": _with_paths(sweep.base, change), "points": points})


def with_searched_paths(sweep: SweepConfig, change: Change) -> SweepConfig:
    """The sweep with every path among the constants and choices of its space changed."""
    space = {path: _searched(path, spec, change) for path, spec in sweep.space.items()}
    return sweep.model_copy(update={"space": space})


def _with_paths(trial: dict[str, Any], change: Change) -> dict[str, Any]:
    """A partial trial with its paths changed."""
    return {name: _section(given, path_keys().get(name, ()), change) for name, given in trial.items()}


def _section(given: Any, keys: tuple[str, ...], change: Change) -> Any:
    if not isinstance(given, dict):
        return given
    return given | {key: change(given[key]) for key in keys if isinstance(given.get(key), str)}


def _searched(path: str, spec: Any, change: Change) -> Any:
    """What a space holds at a path: a dimension, or a section of dimensions and branches."""
    section, _, key = path.partition(".")
    keys = path_keys().get(section, ())
    if key:
        return (
            _dimension(spec, lambda value: change(value) if isinstance(value, str) else value) if key in keys else spec
        )
    if not isinstance(spec, dict) or spec.keys() & FORMS.keys():
        return _dimension(spec, lambda value: _section(value, keys, change))
    inner = {name: _searched(f"{section}.{name}", value, change) for name, value in spec.items()}
    if isinstance(branches := spec.get("branch"), dict):
        inner["branch"] = {kind: _searched(section, branch, change) for kind, branch in branches.items()}
    return inner


def _dimension(spec: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(spec, dict) and isinstance(choices := spec.get("choice"), list | tuple):
        return spec | {"choice": type(choices)(map(change, choices))}
    return change(spec)


def refuse_missing(sweep: SweepConfig, command: str) -> None:
    """Make sure that the study's data is there before it is read, which says less of where it came from.

    Raises:
        ConfigError: naming the key, the path and the remedy.
    """
    data = sweep.base.get("data") or {}
    for key in path_keys()["data"]:
        path = data.get(key)
        if isinstance(path, str) and not Path(path).exists() and not data.get("download"):
            raise ConfigError(
                f"data.{key} of study {sweep.study.name!r} is {path!r}, where nothing is any more: bring it back, "
                f"or make a link to where it is now (ln -s NEW_PLACE {shlex.quote(path)}), then `{command}`"
            )


def _location(uri: str | None, home: Home) -> str | None:
    scheme, separator, rest = (uri or "").partition("://")
    if uri is None or (separator and scheme not in ("sqlite", "journal")):
        return uri
    before = "/" if scheme == "sqlite" else ""
    return f"{scheme}{separator}{before}{home.followed(rest.removeprefix(before))}" if separator else home.followed(uri)
