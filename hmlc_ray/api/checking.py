"""Checking a configuration without starting anything: `check`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hmlc_ray.errors import ConfigError, DataError

if TYPE_CHECKING:
    from hmlc_ray.config.paths import Overrides
    from hmlc_ray.config.plain import Source
    from hmlc_ray.config.sweep import SweepConfig
    from hmlc_ray.config.trial import TrialConfig


@dataclass(frozen=True)
class FoundData:
    """What a folder, a manifest or the labels of a table hold; no sample was opened."""

    level_names: tuple[str, ...]
    num_leaves: int
    files: dict[str, int]
    """Number of samples, by split."""
    notes: tuple[str, ...]
    """Notes for the user, a sentence each."""
    unit: str = "files"
    """What `files` counts; of a table of features its rows."""


@dataclass(frozen=True)
class Checked:
    """A configuration that is valid."""

    config: TrialConfig | SweepConfig
    trial: TrialConfig
    """The trial; of a search space its base, with every dimension at its first value."""
    found: FoundData | None
    """None where the data are none of these, or not on this machine."""


def check(source: Source, *, overrides: Overrides = (), profile: str | None = None) -> Checked:
    """Check a trial or a search space in full, without loading torch or Ray.

    >>> from hmlc_ray import check
    >>> check({"objective": {"kind": "supcon"}}).config.training.epochs
    20
    >>> from hmlc_ray import errors
    >>> try:
    ...     check({"training": {"epochs": 0}})
    ... except errors.ConfigError as error:
    ...     print(error)
    configuration: training.epochs must be an integer of at least 1, got 0

    Args:
        source: a YAML file, its values, a `TrialConfig` or a `SweepConfig`.
        overrides: laid over it; see `train` and `sweep`.
        profile: of a search space, an entry of its `profiles`.

    Raises:
        ConfigError: naming the file or `configuration`, the key, the value and what is allowed.
        DataError, TaxonomyError: if the folder or the manifest of the data cannot be used.
    """
    config, trial = _checked(source, overrides, profile)
    return Checked(config, trial, _found(trial))


def _checked(
    source: Source, overrides: Overrides, profile: str | None
) -> tuple[TrialConfig | SweepConfig, TrialConfig]:
    """The configuration and its trial."""
    from hmlc_ray.config.files import is_search_space, load_trial
    from hmlc_ray.config.plain import values_of

    values, name = values_of(source)
    if is_search_space(values):
        from hmlc_ray.config.sweep import load_sweep

        sweep = load_sweep(source, overrides, profile)
        return sweep, sweep.base_trial()
    from hmlc_ray.config.levels import check_trial

    if profile is not None:
        raise ConfigError(f"{name} is a trial, and only a search space has profiles")
    config = load_trial(source, overrides)
    check_trial(config)
    return config, config


def _found(config: TrialConfig) -> FoundData | None:
    """See `find_leaves`."""
    from hmlc_ray.config.found import find_leaves

    found = find_leaves(config.data)
    if found is None:
        return None
    notes = found.notes
    try:
        found.check_enough(untrained=config.data.untrained == "keep")
    except DataError as error:
        notes = (*notes, f"training would refuse these data: {error}")
    return FoundData(found.level_names, len(found.leaf_paths), found.totals, notes, found.unit)
