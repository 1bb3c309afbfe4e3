"""Taxonomies of well-known label sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal

from hmlc_ray.taxonomy import Taxonomy

CIFAR100_SUPERCLASSES: Mapping[str, str] = MappingProxyType(
    {
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
)
"""The 20 superclasses of Krizhevsky (2009) and their classes."""

CIFAR100_GROUPS: Mapping[str, Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "natural": {
            "animals": {
                "land_mammals": "large_carnivores large_omnivores_and_herbivores medium_mammals people small_mammals",
                "invertebrates_and_reptiles": "insects non-insect_invertebrates reptiles",
                "aquatic_animals": "aquatic_mammals fish",
            },
            "plants": {"plants": "flowers fruit_and_vegetables trees"},
        },
        "artificial_and_scenes": {
            "artefacts": {
                "household": "food_containers household_electrical_devices household_furniture",
                "structures": "large_man-made_outdoor_things",
                "vehicles": "vehicles_1 vehicles_2",
            },
            "scenes": {"scenes": "large_natural_outdoor_scenes"},
        },
    }
)
"""2 -> 4 -> 8 groups over the superclasses: the grouping of HAFrame (Liang and Davis, ICCV 2023, arXiv 2303.05689), in
`_cifar100/cifar100_get_tree_target_level5.py` of its published code. There groups are numbers; the names are ours."""

MODELNET40_GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "furniture": "bed bench bookshelf chair desk dresser night_stand sofa stool table tv_stand wardrobe",
        "vessel": "bottle bowl cup flower_pot glass_box vase",
        "electronics": "keyboard laptop monitor radio xbox",
        "sanitary": "bathtub sink toilet",
        "household_fitting": "curtain lamp mantel range_hood",
        "building": "door stairs tent",
        "instrument": "guitar piano",
        "vehicle": "airplane car",
        "living": "person plant",
        "sign": "cone",
    }
)
"""10 groups over the 40 classes of ModelNet40. There is no official grouping; this one is ours."""


def digit_taxonomy(name: Literal["parity", "magnitude"]) -> Taxonomy:
    """Two levels over ten digits, leaf l is the digit l: `parity` (even, odd) or `magnitude` (below 5, 5 or more).

    Two different parents of the same leaves: what a method makes of one tree it must make of the other.
    """
    parents = {"parity": ["even", "odd"] * 5, "magnitude": ["low"] * 5 + ["high"] * 5}[name]
    return Taxonomy.from_paths((name, "digit"), [(parent, str(digit)) for digit, parent in enumerate(parents)])


def cifar100_taxonomy(name: Literal["official", "five-levels"] = "official") -> Taxonomy:
    """20 superclasses -> 100 classes (Krizhevsky 2009), or 2 -> 4 -> 8 -> 20 -> 100 with `CIFAR100_GROUPS` above.

    Leaf l is CIFAR-100's fine label l: classes are in alphabetical order.
    """
    parents = _parents(CIFAR100_SUPERCLASSES)
    if name == "official":
        return Taxonomy.from_paths(("superclass", "class"), [(parents[leaf], leaf) for leaf in sorted(parents)])
    above = {
        superclass: (realm, group, subgroup)
        for realm, groups in CIFAR100_GROUPS.items()
        for group, subgroups in groups.items()
        for subgroup, superclasses in subgroups.items()
        for superclass in superclasses.split()
    }
    levels = ("realm", "group", "subgroup", "superclass", "class")
    return Taxonomy.from_paths(levels, [(*above[parents[leaf]], parents[leaf], leaf) for leaf in sorted(parents)])


def modelnet40_taxonomy() -> Taxonomy:
    """10 groups (ours) -> 40 classes; leaves in alphabetical order."""
    parents = _parents(MODELNET40_GROUPS)
    return Taxonomy.from_paths(("group", "class"), [(parents[name], name) for name in sorted(parents)])


NAMED: Mapping[str, Callable[[], Taxonomy]] = MappingProxyType(
    {
        "digits-parity": lambda: digit_taxonomy("parity"),
        "digits-magnitude": lambda: digit_taxonomy("magnitude"),
        "cifar100": cifar100_taxonomy,
        "cifar100-five-levels": lambda: cifar100_taxonomy("five-levels"),
        "modelnet40": modelnet40_taxonomy,
    }
)
"""Taxonomies by name, each built when called."""


def _parents(children: Mapping[str, str]) -> dict[str, str]:
    return {name: parent for parent, names in children.items() for name in names.split()}
