"""Data sets, splits, views and batches."""

from __future__ import annotations

from hmlc_ray.config.data import (
    Cifar100Config,
    DataConfig,
    DigitsConfig,
    GroceryConfig,
    ImageFolderConfig,
    ManifestConfig,
    MnistConfig,
    TinyImagenetConfig,
)
from hmlc_ray.config.features import FeaturesConfig
from hmlc_ray.config.points import MeshFolderConfig, ModelNetConfig, PointFolderConfig, PrimitivesConfig
from hmlc_ray.data.base import DataSet, Split

__all__ = ["DataSet", "Split", "load_data"]


def load_data(config: DataConfig) -> DataSet:
    """Read, decode and divide the data set that `config` names.

    Each reader is imported when it is used: some take longer to import than a small data set takes to load.

    Raises:
        DataError: if it is missing, empty, unreadable or has too few samples of a leaf.
        TaxonomyError: if its labels make no tree.
    """
    match config:
        case DigitsConfig():
            from hmlc_ray.data.digits import load as load_digits

            return load_digits(config)
        case MnistConfig():
            from hmlc_ray.data.mnist import load as load_mnist

            return load_mnist(config)
        case ImageFolderConfig():
            from hmlc_ray.data.image_folder import load as load_image_folder

            return load_image_folder(config)
        case ManifestConfig():
            from hmlc_ray.data.manifest import load as load_manifest

            return load_manifest(config)
        case Cifar100Config():
            from hmlc_ray.data.cifar100 import load as load_cifar100

            return load_cifar100(config)
        case GroceryConfig():
            from hmlc_ray.data.grocery import load as load_grocery

            return load_grocery(config)
        case TinyImagenetConfig():
            from hmlc_ray.data.tiny_imagenet import load as load_tiny_imagenet

            return load_tiny_imagenet(config)
        case ModelNetConfig():
            from hmlc_ray.data.modelnet import load as load_modelnet

            return load_modelnet(config)
        case MeshFolderConfig() | PointFolderConfig():
            from hmlc_ray.data.mesh_sets import load as load_clouds

            return load_clouds(config)
        case PrimitivesConfig():
            from hmlc_ray.data.primitives import load as load_primitives

            return load_primitives(config)
        case FeaturesConfig():
            from hmlc_ray.data.features import load as load_features

            return load_features(config)
