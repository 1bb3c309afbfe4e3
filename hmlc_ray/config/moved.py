"""The paths of configurations, and their update when a home folder is moved together with what they name."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from hmlc_ray.config.base import Section
from hmlc_ray.config.marks import OnDisk, marked, marks_of
from hmlc_ray.config.schema import sections
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import ConfigError
from hmlc_ray.home import Home


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


def with_paths(config: TrialConfig, change: Callable[[str], str]) -> TrialConfig:
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
    base: dict[str, Any] = dict(sweep.base)
    for section, keys in path_keys().items():
        given = base.get(section)
        if isinstance(given, dict):
            known = {key: home.followed(given[key]) for key in keys if isinstance(given.get(key), str)}
            base[section] = given | known
    locations = {name: _location(getattr(sweep.study, name), home) for name in ("storage", "optuna_storage")}
    return sweep.model_copy(update={"base": base, "study": sweep.study.model_copy(update=locations)})


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
