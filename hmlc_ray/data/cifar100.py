"""CIFAR-100, read by torchvision, with its official superclasses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from hmlc_ray.config.data import Cifar100Config
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.splits import divide, limited
from hmlc_ray.errors import DataError
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.torchvision_shim import torchvision

SUPERCLASSES = {
    "aquatic_mammals": "beaver dolphin otter seal whale",
    "fish": "aquarium_fish flatfish ray shark trout",
    "flowers": "orchid poppy rose sunflower tulip",
    "food_containers": "bottle bowl can cup plate",
    "fruit_and_vegetables": "apple mushroom orange pear sweet_pepper",
    "household_electrical_devices": "clock keyboard lamp telephone television",
    "household_furniture": "bed chair couch table wardrobe",
    "insects": "bee beetle butterfly caterpillar cockroach",
    "large_carnivores": "bear leopard lion tiger wolf",
    "large_man-made_outdoor_things": "bridge castle house road skyscraper",
    "large_natural_outdoor_scenes": "cloud forest mountain plain sea",
    "large_omnivores_and_herbivores": "camel cattle chimpanzee elephant kangaroo",
    "medium_mammals": "fox porcupine possum raccoon skunk",
    "non-insect_invertebrates": "crab lobster snail spider worm",
    "people": "baby boy girl man woman",
    "reptiles": "crocodile dinosaur lizard snake turtle",
    "small_mammals": "hamster mouse rabbit shrew squirrel",
    "trees": "maple_tree oak_tree palm_tree pine_tree willow_tree",
    "vehicles_1": "bicycle bus motorcycle pickup_truck train",
    "vehicles_2": "lawn_mower rocket streetcar tank tractor",
}
"""The 20 superclasses of Krizhevsky (2009) and their classes."""


def cifar100_taxonomy() -> Taxonomy:
    """20 superclasses -> 100 classes; leaf l is CIFAR-100's fine label l (classes in alphabetical order)."""
    parents = {name: parent for parent, names in SUPERCLASSES.items() for name in names.split()}
    return Taxonomy.from_paths(Cifar100Config.LEVELS, [(parents[name], name) for name in sorted(parents)])


def load(config: Cifar100Config) -> DataSet:
    """uint8 [N, 3, 32, 32]: 50,000 training images or `limit` of them, and the 10,000 test images.

    Raises:
        DataError: if the files are missing or their checksums wrong, or the download fails.
    """
    root = Path(config.root).expanduser().absolute()
    train, test = (_read(root, train=train, download=config.download) for train in (True, False))
    return divide(config, cifar100_taxonomy(), limited(train, config.limit, config.split_seed), test=test)


def _read(root: Path, *, train: bool, download: bool) -> Split:
    try:
        data = torchvision.datasets.CIFAR100(str(root), train=train, download=download)
    except (OSError, RuntimeError) as error:
        if download:
            reason = " ".join(str(error).split())
            raise DataError(f"CIFAR-100 could not be downloaded to {str(root)!r}: {reason}") from error
        raise DataError(
            f"{str(root / 'cifar-100-python')!r} holds no CIFAR-100, or files with wrong checksums "
            "(data.download: true fetches it)"
        ) from error
    images = np.ascontiguousarray(data.data.transpose(0, 3, 1, 2))
    return Split(torch.from_numpy(images), torch.tensor(data.targets, dtype=torch.int64))
