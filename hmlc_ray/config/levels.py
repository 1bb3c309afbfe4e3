"""How many levels the taxonomy has, as far as that is known without loading the data, and what depends on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hmlc_ray.config.data import (
    Cifar100Config,
    DataConfig,
    DigitsConfig,
    ImageFolderConfig,
    ManifestConfig,
    MnistConfig,
)
from hmlc_ray.config.features import FeaturesConfig
from hmlc_ray.config.points import MeshFolderConfig, ModelNetConfig, PointFolderConfig
from hmlc_ray.config.schema import nearest
from hmlc_ray.config.taxonomy import FileTaxonomyConfig, InducedTaxonomyConfig, TreeSection
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import ConfigError
from hmlc_ray.folders.tree_files import tree_level_names

if TYPE_CHECKING:
    from hmlc_ray.folders import FolderTree


def level_names(data: DataConfig) -> tuple[str, ...]:
    """Names of the levels, coarsest first. An image folder's are read off the folder, unless they are given.

    Raises:
        DataError: if the image folder is missing or empty.
        TaxonomyError: if its leaves lie at different depths, or `data.taxonomy.file` cannot be read.
        ConfigError: if `data.keep_levels` names a level that there is not, or leaves the leaf level out.
    """
    names = _all_level_names(data)
    return names if data.keep_levels is None else tuple(names[h] for h in kept_levels(data.keep_levels, names))


def kept_levels(keep: Sequence[str], names: Sequence[str]) -> list[int]:
    """The indices of the levels that `data.keep_levels` names, coarsest first.

    Args:
        names: of all levels, coarsest first.

    Raises:
        ConfigError: if there is no such level, or the leaf level is not among them.
    """
    known = {name: h for h, name in enumerate(names)} | {"leaf": len(names) - 1}
    for name in keep:
        if name not in known:
            raise ConfigError(
                f"data.keep_levels names the level {name!r}{nearest(name, names)}; the levels are {', '.join(names)}"
            )
    kept = sorted({known[name] for name in keep})
    if kept[-1] != len(names) - 1:
        raise ConfigError(
            f"data.keep_levels must hold the leaf level {names[-1]!r}, since labels are leaves; got {', '.join(keep)}"
        )
    return kept


def _all_level_names(data: DataConfig) -> tuple[str, ...]:
    if isinstance(data.taxonomy, InducedTaxonomyConfig):
        return data.taxonomy.level_names
    if isinstance(data.taxonomy, FileTaxonomyConfig):
        tree = data.taxonomy.tree
        return tree_level_names(data.taxonomy.file) if tree is None else tree.level_names
    return _own_level_names(data)


def _own_level_names(data: DataConfig) -> tuple[str, ...]:
    """Without `data.taxonomy` and `data.keep_levels`."""
    if isinstance(data, ImageFolderConfig | MeshFolderConfig | PointFolderConfig):
        return data.level_names or folder_tree(data).level_names
    if isinstance(data, FeaturesConfig):
        from hmlc_ray.folders.feature_labels import read_feature_levels

        return data.levels or read_feature_levels(data.file, data.labels, data.array)
    if isinstance(data, ManifestConfig):
        from hmlc_ray.folders.manifest import read_level_names

        return read_level_names(data.file)
    if isinstance(data, Cifar100Config | ModelNetConfig):
        return data.LEVELS[str(data.own_taxonomy)]
    if isinstance(data, DigitsConfig | MnistConfig):
        return (str(data.own_taxonomy), "digit")
    return data.LEVELS


def folder_tree(data: ImageFolderConfig | MeshFolderConfig | PointFolderConfig) -> FolderTree:
    """The classes, levels, splits and files that the configuration's folder holds.

    Raises:
        DataError, TaxonomyError: see `scan_folder`.
        ConfigError: if `level_names` does not hold one name per level.
    """
    from hmlc_ray.folders import IMAGE_SUFFIXES, MESH_SUFFIXES, POINT_SUFFIXES, scan_folder

    points = POINT_SUFFIXES if isinstance(data, PointFolderConfig) else MESH_SUFFIXES
    suffixes = IMAGE_SUFFIXES if isinstance(data, ImageFolderConfig) else points
    names = data.level_names
    levels = None if names is None else len(names)
    tree = scan_folder(
        data.root, suffixes, splits=data.splits, uneven=data.uneven, levels=levels, untrained=data.untrained == "keep"
    )
    if levels is not None and levels != tree.depth:
        raise ConfigError(
            f"data.level_names holds {levels} names, but there are {tree.depth} levels"
            + "".join(f" ({note})" for note in tree.notes if "looked through" in note)
        )
    return tree


def num_levels(data: DataConfig) -> int:
    """H of the taxonomy; the errors are those of `level_names`."""
    return len(level_names(data))


def check_trial(config: TrialConfig, count_levels: Callable[[DataConfig], int] = num_levels) -> None:
    """Every check of a configuration that needs its data, but neither its samples nor torch.

    The levels are counted only where a per-level value, a level's index or name, or a file of a tree is given.

    Raises:
        ConfigError: see `check_levels`.
        DataError: if the levels have to be counted and the image folder is missing or empty.
    """
    given = config.data.taxonomy
    shuffled = isinstance(given, TreeSection) and given.shuffled
    named = config.data.keep_levels is not None or shuffled or isinstance(given, FileTaxonomyConfig)
    if named and count_levels(config.data) == 1 and shuffled:
        raise ConfigError(
            "data.taxonomy.shuffled is true, but there is the leaf level alone: leaves are shuffled among the classes "
            "above them"
        )
    if any(isinstance(value, tuple | int) for _, value in _per_level(config)):
        check_levels(config, count_levels(config.data))


def check_levels(config: TrialConfig, num_levels: int) -> None:
    """Check every per-level value against the number of levels H.

    Raises:
        ConfigError: if a list does not hold one value per level, or a level index is not below H.
    """
    for path, value in _per_level(config):
        if isinstance(value, tuple) and len(value) != num_levels:
            raise ConfigError(f"{path} holds {len(value)} values, one is needed for each of the {num_levels} levels")
        if isinstance(value, int) and value >= num_levels:
            raise ConfigError(f"{path} is {value}, but the taxonomy has levels 0 to {num_levels - 1} (or `leaf`)")


def _per_level(config: TrialConfig) -> Iterator[tuple[str, Any]]:
    """Values that are a list with one entry per level or a level's index, or may be one."""
    yield "objective.level_weights", getattr(config.objective, "level_weights", None)
    yield "objective.temperature", getattr(config.objective, "temperature", None)
    yield "evaluation.chosen_regularisation", config.evaluation.chosen_regularisation
    yield "objective.level", getattr(config.objective, "level", None)
    yield "training.sampler_level", config.training.sampler_level
