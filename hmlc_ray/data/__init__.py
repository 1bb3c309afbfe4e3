"""Data sets, splits, views and batches."""

from __future__ import annotations

from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.plugins import build
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.machine.activity import doing

__all__ = ["BUILDERS", "DataSet", "Split", "load_data"]

BUILDERS = {
    "digits": "hmlc_ray.data.digits:load",
    "mnist": "hmlc_ray.data.mnist:load",
    "cifar100": "hmlc_ray.data.cifar100:load",
    "image-folder": "hmlc_ray.data.image_folder:load",
    "manifest": "hmlc_ray.data.manifest:load",
    "hf-dataset": "hmlc_ray.data.hf_dataset:load",
    "grocery": "hmlc_ray.data.grocery:load",
    "tiny-imagenet": "hmlc_ray.data.tiny_imagenet:load",
    "modelnet": "hmlc_ray.data.modelnet:load",
    "mesh-folder": "hmlc_ray.data.mesh_sets:load",
    "point-folder": "hmlc_ray.data.mesh_sets:load",
    "features": "hmlc_ray.data.features:load",
    "primitives": "hmlc_ray.data.primitives:load",
}
"""Functions of the configuration, by kind; imported when it is used, as some take longer to import than a small
data set takes to load."""


def load_data(config: DataConfig) -> DataSet:
    """Read, decode and divide the data set that `config` names.

    Raises:
        DataError: if it is missing, empty, unreadable or has too few samples of a leaf.
        TaxonomyError: if its labels make no tree.
        ConfigError: if a plug-in fails to load it.
    """
    doing(f"reading the data ({config.kind})")
    return build(config, BUILDERS, DataSet)
