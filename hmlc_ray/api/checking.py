"""Checking a configuration without starting anything: `check`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hmlc_ray.errors import ConfigError

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
    """What the folder, the manifest or the labels of a trial's data hold, where they are on this machine.

    Raises:
        DataError, TaxonomyError: if it cannot be used; see `FoldersSection.tree` and `read_manifest`.
    """
    from hmlc_ray.config.data import ManifestConfig
    from hmlc_ray.config.features import FeaturesConfig
    from hmlc_ray.config.splits import FoldersSection

    data, unit = config.data, "files"
    if not isinstance(data, FoldersSection | ManifestConfig | FeaturesConfig):
        return None  # what reads the others is not loaded in vain
    from hmlc_ray.folders.feature_labels import read_labels
    from hmlc_ray.folders.feature_places import find_places
    from hmlc_ray.folders.manifest import check_several, read_manifest
    from hmlc_ray.folders.notes import of_one_class
    from hmlc_ray.folders.walk import is_file, is_folder

    if isinstance(data, FoldersSection) and is_folder(Path(data.root).expanduser()):
        tree = data.tree()
        leaves, levels = tree.leaf_paths, data.level_names or tree.level_names
        counts = {name: sum(map(len, files)) for name, files in tree.files.items()}
        notes = [*tree.notes, *tree.lacks()]
    elif isinstance(data, ManifestConfig) and is_file(Path(data.file).expanduser()):
        manifest = read_manifest(data.file, data.root)
        check_several(manifest, data.file)
        leaves, levels = manifest.leaf_paths, manifest.level_names
        counts = {name: len(samples) for name, samples in manifest.samples.items()}
        notes = [*manifest.lacks()]
    elif isinstance(data, FeaturesConfig) and Path(data.file).expanduser().exists():
        paths = find_places(data.file, data.labels)
        if paths.labels is None:
            return None
        labels, unit = read_labels(paths, data.levels), "rows"
        leaves, levels = tuple(labels.leaf_paths), labels.level_names
        counts = {name: len(rows) for name, rows in labels.rows.items()}
        notes = [*labels.notes(), *labels.lacks()]
    else:
        return None
    notes += of_one_class(levels, map(set, zip(*leaves, strict=True)))
    return FoundData(tuple(levels), len(leaves), counts, tuple(notes), unit)
