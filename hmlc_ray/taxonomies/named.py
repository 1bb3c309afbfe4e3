"""Taxonomies of well-known label sets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
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

MODELNET40_COUNTS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "airplane": (626, 100),
        "bathtub": (106, 50),
        "bed": (515, 100),
        "bench": (173, 20),
        "bookshelf": (572, 100),
        "bottle": (335, 100),
        "bowl": (64, 20),
        "car": (197, 100),
        "chair": (889, 100),
        "cone": (167, 20),
        "cup": (79, 20),
        "curtain": (138, 20),
        "desk": (200, 86),
        "door": (109, 20),
        "dresser": (200, 86),
        "flower_pot": (149, 20),
        "glass_box": (171, 100),
        "guitar": (155, 100),
        "keyboard": (145, 20),
        "lamp": (124, 20),
        "laptop": (149, 20),
        "mantel": (284, 100),
        "monitor": (465, 100),
        "night_stand": (200, 86),
        "person": (88, 20),
        "piano": (231, 100),
        "plant": (240, 100),
        "radio": (104, 20),
        "range_hood": (115, 100),
        "sink": (128, 20),
        "sofa": (680, 100),
        "stairs": (124, 20),
        "stool": (90, 20),
        "table": (392, 100),
        "tent": (163, 20),
        "toilet": (344, 100),
        "tv_stand": (267, 100),
        "vase": (475, 100),
        "wardrobe": (87, 20),
        "xbox": (103, 20),
    }
)
"""Training and test meshes of each class in the published archive: 9,843 and 2,468 in all (Wu et al., CVPR 2015)."""

MODELNET10_CLASSES = ("bathtub", "bed", "chair", "desk", "dresser", "monitor", "night_stand", "sofa", "table", "toilet")


def digit_taxonomy(name: str) -> Taxonomy:
    """Two levels over ten digits, leaf l is the digit l: `parity` (even, odd) or `magnitude` (below 5, 5 or more).

    Two different parents of the same leaves: what a method makes of one tree it must make of the other.
    """
    parents = {"parity": ["even", "odd"] * 5, "magnitude": ["low"] * 5 + ["high"] * 5}[name]
    return Taxonomy.from_paths((name, "digit"), [(parent, str(digit)) for digit, parent in enumerate(parents)])


def cifar100_taxonomy(name: str = "official") -> Taxonomy:
    """`official`: 20 superclasses -> 100 classes (Krizhevsky 2009); `five-levels`: 2 -> 4 -> 8 -> 20 -> 100 with
    `CIFAR100_GROUPS` above.

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


def modelnet40_taxonomy(classes: Collection[str] | None = None) -> Taxonomy:
    """10 groups (ours) -> 40 classes, or some of the classes with their groups; leaves in alphabetical order."""
    parents = _parents(MODELNET40_GROUPS)
    leaves = sorted(parents if classes is None else classes)
    return Taxonomy.from_paths(("group", "class"), [(parents[name], name) for name in leaves])


NAMED: Mapping[str, Callable[[], Taxonomy]] = MappingProxyType(
    {
        "digits-parity": lambda: digit_taxonomy("parity"),
        "digits-magnitude": lambda: digit_taxonomy("magnitude"),
        "cifar100": cifar100_taxonomy,
        "cifar100-five-levels": lambda: cifar100_taxonomy("five-levels"),
        "modelnet40": modelnet40_taxonomy,
        "modelnet10": lambda: modelnet40_taxonomy(MODELNET10_CLASSES),
    }
)
"""Taxonomies by name, each built when called."""


def _parents(children: Mapping[str, str]) -> dict[str, str]:
    return {name: parent for parent, names in children.items() for name in names.split()}
