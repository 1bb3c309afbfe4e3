"""Taxonomies of well-known label sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

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


def digits_parity() -> Taxonomy:
    """even, odd -> digit; leaf l is the digit l."""
    return Taxonomy.from_paths(("parity", "digit"), [("odd" if d % 2 else "even", str(d)) for d in range(10)])


def digits_magnitude() -> Taxonomy:
    """Below 5, 5 or more -> digit; leaf l is the digit l."""
    return Taxonomy.from_paths(("magnitude", "digit"), [("low" if d < 5 else "high", str(d)) for d in range(10)])


def cifar100() -> Taxonomy:
    """20 superclasses -> 100 classes (Krizhevsky 2009); leaf l is CIFAR-100's fine label l, in alphabetical order."""
    parents = _parents(CIFAR100_SUPERCLASSES)
    return Taxonomy.from_paths(("superclass", "class"), [(parents[name], name) for name in sorted(parents)])


def cifar100_five_levels() -> Taxonomy:
    """2 -> 4 -> 8 -> 20 -> 100: the superclasses under the groups of `CIFAR100_GROUPS`."""
    above = {
        superclass: (top, group, subgroup)
        for top, groups in CIFAR100_GROUPS.items()
        for group, subgroups in groups.items()
        for subgroup, superclasses in subgroups.items()
        for superclass in superclasses.split()
    }
    parents = _parents(CIFAR100_SUPERCLASSES)
    levels = ("realm", "group", "subgroup", "superclass", "class")
    return Taxonomy.from_paths(levels, [(*above[parents[name]], parents[name], name) for name in sorted(parents)])


def modelnet40() -> Taxonomy:
    """10 groups (ours) -> 40 classes; leaves in alphabetical order."""
    parents = _parents(MODELNET40_GROUPS)
    return Taxonomy.from_paths(("group", "class"), [(parents[name], name) for name in sorted(parents)])


NAMED: Mapping[str, Callable[[], Taxonomy]] = MappingProxyType(
    {
        "digits-parity": digits_parity,
        "digits-magnitude": digits_magnitude,
        "cifar100": cifar100,
        "cifar100-five-levels": cifar100_five_levels,
        "modelnet40": modelnet40,
    }
)
"""Taxonomies by name, each built when called."""


def _parents(children: Mapping[str, str]) -> dict[str, str]:
    return {name: parent for parent, names in children.items() for name in names.split()}
