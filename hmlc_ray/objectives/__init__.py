"""Objectives: one file each; `build_objective` is the registry."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hmlc_ray.config.objective import (
    AHmlcConfig,
    BhclConfig,
    CrossEntropyConfig,
    GHmlcConfig,
    MlclConfig,
    ObjectiveConfig,
    SimclrConfig,
    SumSupconConfig,
    SupconConfig,
)
from hmlc_ray.objectives.a_hmlc import AHmlc
from hmlc_ray.objectives.base import Batch, LossReport, Objective
from hmlc_ray.objectives.bhcl import Bhcl
from hmlc_ray.objectives.cross_entropy import CrossEntropy
from hmlc_ray.objectives.hmce import HierarchicalMultiLabel
from hmlc_ray.objectives.mlcl import Mlcl
from hmlc_ray.objectives.simclr import Simclr
from hmlc_ray.objectives.sum_supcon import SumSupcon
from hmlc_ray.objectives.supcon import Supcon
from hmlc_ray.taxonomy import Taxonomy

__all__ = ["Batch", "LossReport", "Objective", "build_objective"]


def build_objective(
    config: ObjectiveConfig,
    *,
    taxonomy: Taxonomy,
    class_counts: Sequence[npt.NDArray[np.int64]],
    embedding_dim: int,
    feature_dim: int,
) -> Objective:
    """The objective of a configuration.

    Args:
        config: which objective, and its settings.
        taxonomy: H levels.
        class_counts: N_c^h, per level an int64 array [C_h]: training samples per class.
        embedding_dim: D.
        feature_dim: F.

    Raises:
        ConfigError: if a per-level setting does not hold one value per level.
        TaxonomyError: if the configuration names a level that the taxonomy does not have.
    """
    match config:
        case SimclrConfig():
            return Simclr(config)
        case SupconConfig():
            return Supcon(config, taxonomy=taxonomy)
        case SumSupconConfig():
            return SumSupcon(config, class_counts=class_counts, embedding_dim=embedding_dim)
        case GHmlcConfig():
            from hmlc_ray.objectives.g_hmlc import GHmlc

            return GHmlc(config, taxonomy=taxonomy, class_counts=class_counts, embedding_dim=embedding_dim)
        case AHmlcConfig():
            return AHmlc(config, class_counts=class_counts, embedding_dim=embedding_dim)
        case MlclConfig():
            return Mlcl(config, class_counts=class_counts, embedding_dim=embedding_dim, feature_dim=feature_dim)
        case BhclConfig():
            return Bhcl(config, class_counts=class_counts, embedding_dim=embedding_dim)
        case CrossEntropyConfig():
            return CrossEntropy(config, taxonomy=taxonomy, feature_dim=feature_dim)
        case _:
            return HierarchicalMultiLabel(config, class_counts=class_counts, embedding_dim=embedding_dim)
