"""Trial files: YAML on disk to a validated TrialConfig, and back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hmlc_ray.config.load import dump_yaml, refuse_suite
from hmlc_ray.config.overrides import apply_overrides
from hmlc_ray.config.paths import Overrides, parse_overrides
from hmlc_ray.config.plain import Source, values_of
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.errors import ConfigError, system_reason

SWEEP_KEYS = ("study", "trials", "base", "space", "profiles")


def load_trial(path: Source, overrides: Overrides = ()) -> TrialConfig:
    """The configuration of one run, from a trial or from the `base` of a search space.

    Args:
        path: a YAML file, or its values.
        overrides: relative to the trial, e.g. `objective.temperature=0.2`.

    Raises:
        ConfigError: if the file cannot be read, or a key or value is not allowed.
    """
    values, source = values_of(path)
    refuse_suite(values, source)
    if is_search_space(values):
        values, source = values.get("base") or {}, f"{source} (base)"
    if isinstance(values, dict):
        values = apply_overrides(TrialConfig, values, parse_overrides(overrides))
    return validate(TrialConfig, values, source)


def is_search_space(values: dict[str, Any]) -> bool:
    """Whether a file's values are those of a search space rather than of one trial."""
    return not values.keys() & TrialConfig.model_fields.keys() and bool(values.keys() & set(SWEEP_KEYS))


def dump_trial(config: TrialConfig) -> str:
    """A trial file: YAML that `load_trial` reads back to an equal configuration, defaults written out."""
    return dump_yaml(config.model_dump(mode="json"))


def write_trial(path: str | os.PathLike[str], config: TrialConfig) -> None:
    """Write a trial file whole or not at all; a file that holds anything else is left as it is.

    Raises:
        ConfigError: if there is another file of that name, or the folder is missing or cannot be written.
    """
    from hmlc_ray.files.atomic import write_whole

    path = Path(path)
    if path.is_dir():
        raise ConfigError(f"{path} cannot be written: it is a folder")
    text = dump_trial(config)
    try:
        # Not of a pipe or a terminal, from which a read may wait for ever; a shell's `>` has made an empty one.
        if path.is_file() and path.read_bytes() not in (b"", text.encode()):
            raise ConfigError(f"{path} exists already and is not overwritten: choose another name")
        write_whole(path, text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {system_reason(error)}") from None
