"""Number of levels of the taxonomy, as far as it is known without loading the data, and checks that need it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.encoder import MlpHeadConfig
from hmlc_ray.config.marks import AtMost, LevelIndex, PerLevel, exceeds, marked
from hmlc_ray.config.taxonomy import FileTaxonomyConfig, InducedTaxonomyConfig, TreeSection
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import ConfigError
from hmlc_ray.machine.extras import check_extra
from hmlc_ray.names.counts import many
from hmlc_ray.names.nearest import nearest


def level_names(data: DataConfig) -> tuple[str, ...]:
    """Names of the levels, coarsest first; a folder's are read off it, unless they are given.

    Raises:
        DataError, TaxonomyError: see `DataSection.own_levels`, or if `data.taxonomy.file` cannot be read.
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
        from hmlc_ray.folders.tree_files import tree_level_names

        tree = data.taxonomy.tree
        return tree_level_names(data.taxonomy.file) if tree is None else tree.level_names
    return data.own_levels()


def num_levels(data: DataConfig) -> int:
    """H of the taxonomy; the errors are those of `level_names`."""
    return len(level_names(data))


def check_trial(config: TrialConfig, count_levels: Callable[[DataConfig], int] = num_levels) -> None:
    """Every check of a configuration that needs its data, but neither its samples nor torch.

    What is not installed is reported first. The levels are counted only where a per-level value, a level's index or
    name, or a file of a tree is given.

    Raises:
        ConfigError: see `check_levels`, or if a kind needs a package that is not installed.
        DataError: if the levels have to be counted and the image folder is missing or empty.
    """
    for name in ("data", "encoder"):
        section = getattr(config, name)
        for package in section.NEEDS:
            check_extra(f"{name}.kind {section.kind}", package)
    given = config.data.taxonomy
    shuffled = isinstance(given, TreeSection) and given.shuffled
    named = config.data.keep_levels is not None or shuffled or isinstance(given, FileTaxonomyConfig)
    if named and count_levels(config.data) == 1 and shuffled:
        raise ConfigError(
            "data.taxonomy.shuffled is true, but there is the leaf level alone: leaves are shuffled among the classes "
            "above them"
        )
    lists = [value for _, value, _ in marked(config, PerLevel) if isinstance(value, tuple)]
    if lists or any(isinstance(value, int) for _, value, _ in marked(config, LevelIndex)):
        check_levels(config, count_levels(config.data))


def check_levels(config: TrialConfig, num_levels: int) -> None:
    """Check every `PerLevel` and `LevelIndex` against the number of levels H, and the width of the embedding.

    Raises:
        ConfigError: if a list does not hold one value per level, a level index is not below H, or the objective needs a
            dimension of the embedding for each level and there are fewer.
    """
    for path, value, _ in marked(config, PerLevel):
        if isinstance(value, tuple) and len(value) != num_levels:
            raise ConfigError(
                f"{path} holds {many(len(value), 'value')}, one is needed for each of the {num_levels} levels"
            )
    for path, value, _ in marked(config, LevelIndex):
        if isinstance(value, int) and value >= num_levels:
            raise ConfigError(f"{path} is {value}, but the taxonomy has levels 0 to {num_levels - 1} (or `leaf`)")
    if config.embedding_dim is not None:
        check_dims(config, config.embedding_dim, num_levels)


def check_dims(config: TrialConfig, dims: int, num_levels: int) -> None:
    """Check what depends on the width D of the embedding, which the data or a model of another library may decide.

    Raises:
        ConfigError: if the objective needs a dimension for each level and there are fewer, or a number is above D.
    """
    which, verb = "head.embedding_dim", "is"
    if not isinstance(config.head, MlpHeadConfig):
        which, verb = "the features of head.kind identity", "are"
    if config.objective.needs_dimension_per_level and dims < num_levels:
        raise ConfigError(
            f"{which} {verb} {dims}, but {config.objective.kind} needs at least one "
            f"dimension for each of the {num_levels} levels"
        )
    for path, value, bound in marked(config.objective, AtMost, "objective."):
        if bound.path == "head.embedding_dim" and value is not None and value > dims:
            raise ConfigError(exceeds(path, value, which, dims, bound))
