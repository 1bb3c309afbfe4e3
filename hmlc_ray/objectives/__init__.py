"""Objectives: one file each, and the table that builds them."""

from __future__ import annotations

from hmlc_ray.config.objective import ObjectiveConfig
from hmlc_ray.config.plugins import build
from hmlc_ray.objectives.base import Batch, Dims, LossReport, Objective

__all__ = ["BUILDERS", "Batch", "Dims", "LossReport", "Objective", "build_objective"]

BUILDERS = {
    "simclr": "hmlc_ray.objectives.simclr:Simclr",
    "supcon": "hmlc_ray.objectives.supcon:Supcon",
    "sum-supcon": "hmlc_ray.objectives.sum_supcon:SumSupcon",
    "hmc": "hmlc_ray.objectives.hmce:HierarchicalMultiLabel",
    "hce": "hmlc_ray.objectives.hmce:HierarchicalMultiLabel",
    "hmce": "hmlc_ray.objectives.hmce:HierarchicalMultiLabel",
    "g-hmlc": "hmlc_ray.objectives.g_hmlc:GHmlc",
    "a-hmlc": "hmlc_ray.objectives.a_hmlc:AHmlc",
    "mlcl": "hmlc_ray.objectives.mlcl:Mlcl",
    "bhcl": "hmlc_ray.objectives.bhcl:Bhcl",
    "cross-entropy": "hmlc_ray.objectives.cross_entropy:CrossEntropy",
}
"""Functions called with `(config, dims)`, by kind."""


def build_objective(config: ObjectiveConfig, dims: Dims) -> Objective:
    """The objective of a configuration, whose per-level values fit the taxonomy (see `config.levels.check_levels`).

    Raises:
        ConfigError: if a plug-in fails to build it.
    """
    return build(config, BUILDERS, Objective, dims)  # type: ignore[type-abstract]
