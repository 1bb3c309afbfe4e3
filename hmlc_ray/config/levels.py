"""Checks of a configuration that need to know how many levels the taxonomy has."""

from __future__ import annotations

from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import ConfigError


def check_levels(config: TrialConfig, num_levels: int) -> None:
    """Check every per-level value against the number of levels H.

    Raises:
        ConfigError: if a list does not hold one value per level, or a level index is not below H.
    """
    lists = {
        "objective.level_weights": getattr(config.objective, "level_weights", None),
        "objective.temperature": getattr(config.objective, "temperature", None),
        "evaluation.chosen_regularisation": config.evaluation.chosen_regularisation,
        "data.level_names": getattr(config.data, "level_names", None),
    }
    for path, values in lists.items():
        if isinstance(values, tuple) and len(values) != num_levels:
            raise ConfigError(f"{path} holds {len(values)} values, one is needed for each of the {num_levels} levels")
    indices = {
        "objective.level": getattr(config.objective, "level", None),
        "training.sampler_level": config.training.sampler_level,
    }
    for path, index in indices.items():
        if isinstance(index, int) and index >= num_levels:
            raise ConfigError(f"{path} is {index}, but the taxonomy has levels 0 to {num_levels - 1} (or `leaf`)")
