from __future__ import annotations

import json

import numpy as np
import pytest
from packs import file_of
from pydantic import TypeAdapter

from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.levels import level_names
from hmlc_ray.errors import TaxonomyError
from hmlc_ray.taxonomies.named import NAMED, cifar100_taxonomy, digit_taxonomy, modelnet40_taxonomy
from hmlc_ray.taxonomies.wordnet import from_synset_table

FIVE_LEVELS = {
    "0,0,3": [8, 11, 12, 14, 16],
    "0,0,4": [7, 13, 15],
    "0,0,6": [0, 1],
    "0,3,5": [2, 4, 17],
    "1,1,0": [3, 5, 6],
    "1,1,1": [9],
    "1,1,7": [18, 19],
    "1,2,2": [10],
}
"""Superclasses by the numbers of their groups, as the published code of arXiv 2303.05689 numbers them."""


def test_the_two_trees_of_digits_have_other_parents_above_the_same_leaves() -> None:
    parity, magnitude = digit_taxonomy("parity"), digit_taxonomy("magnitude")
    assert parity.class_names == (("even", "odd"), tuple("0123456789"))
    assert parity.leaf_paths[:, 0].tolist() == [0, 1] * 5
    assert magnitude.class_names[1] == parity.class_names[1]
    assert magnitude.leaf_paths[:, 0].tolist() == [0] * 5 + [1] * 5


@pytest.mark.parametrize(
    ("name", "classes"),
    [("cifar100", (20, 100)), ("cifar100-five-levels", (2, 4, 8, 20, 100)), ("modelnet40", (10, 40))],
)
def test_numbers_of_classes(name: str, classes: tuple[int, ...]) -> None:
    tree = NAMED[name]()
    assert tree.num_classes == classes
    assert tree.class_names[-1] == tuple(sorted(tree.class_names[-1]))


def test_the_five_levels_group_superclasses_as_published() -> None:
    tree = cifar100_taxonomy("five-levels")
    order = sorted(tree.class_names[3])
    found = {
        tuple(sorted(order.index(tree.class_names[3][c]) for c in np.unique(group[:, 3])))
        for group in (tree.leaf_paths[tree.leaf_paths[:, 2] == g] for g in range(8))
    }
    assert found == {tuple(members) for members in FIVE_LEVELS.values()}
    for level, depth in ((0, 1), (1, 2)):
        expected: dict[tuple[str, ...], set[int]] = {}
        for key, members in FIVE_LEVELS.items():
            expected.setdefault(tuple(key.split(",")[:depth]), set()).update(members)
        groups = [tree.leaf_paths[tree.leaf_paths[:, level] == g][:, 3] for g in range(tree.num_classes[level])]
        named = [{order.index(tree.class_names[3][c]) for c in group} for group in groups]
        assert sorted(map(sorted, named)) == sorted(map(sorted, expected.values()))
    official = cifar100_taxonomy()
    two = tree.keep_levels(["superclass", "class"])
    assert [official.class_names[0][c] for c in official.leaf_paths[:, 0]] == [
        two.class_names[0][c] for c in two.leaf_paths[:, 0]
    ]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"kind": "digits"}, "digits-parity"),
        ({"kind": "mnist", "taxonomy": "magnitude"}, "digits-magnitude"),
        ({"kind": "cifar100"}, "cifar100"),
        ({"kind": "cifar100", "taxonomy": "five-levels"}, "cifar100-five-levels"),
    ],
)
def test_the_configuration_knows_the_levels_of_the_tree(data: dict[str, str], name: str) -> None:
    config = TypeAdapter(DataConfig).validate_python(data)
    assert level_names(config) == NAMED[name]().level_names


def test_superclasses_are_those_of_the_real_labels() -> None:
    labels = np.load(file_of("cifar100-partial/cifar100_all_labels.npz"), allow_pickle=False)
    tree = cifar100_taxonomy()
    assert tree.class_names[1] == tuple(labels["fine_names"].tolist())
    names = [labels["coarse_names"][c] for c in labels["fine_to_coarse"]]
    assert [tree.class_names[0][c] for c in tree.leaf_paths[:, 0]] == names
    order = sorted(tree.class_names[0])
    assert order == sorted(labels["coarse_names"].tolist())
    assert [len(np.unique(column)) for column in (labels["train_all_coarse"], labels["train_all_fine"])] == [20, 100]


def test_modelnet_has_a_large_and_some_tiny_groups() -> None:
    sizes = np.bincount(modelnet40_taxonomy().leaf_paths[:, 0])
    assert (sizes.max(), sizes.min()) == (12, 1)


TABLE = {
    "n2": {"lexfile": "noun.animal", "super_name": "chordate", "mid_name": "fish"},
    "n1": {"lexfile": "noun.animal", "super_name": "chordate", "mid_name": "bird"},
    "n3": {"lexfile": "noun.artifact", "super_name": "tool", "mid_name": "tool"},
}


def test_a_synset_table_gives_levels_by_its_keys() -> None:
    tree = from_synset_table(TABLE)
    assert tree.level_names == ("lexfile", "super", "mid", "synset")
    assert tree.class_names[3] == ("n1", "n2", "n3")
    assert tree.num_classes == (2, 2, 3, 3)
    assert from_synset_table(TABLE, ["n3", "n2"], ["lexfile"]).class_names == (
        ("noun.artifact", "noun.animal"),
        ("n3", "n2"),
    )
    with pytest.raises(TaxonomyError, match="gives no 'lexfile' for the synset 'n9'"):
        from_synset_table(TABLE, ["n1", "n9"])
    with pytest.raises(TaxonomyError, match="gives no 'path' for the synset 'n1'"):
        from_synset_table(TABLE, ["n1", "n2"], ["path"])


def test_wordnet_trees_of_real_synsets() -> None:
    entries = json.loads(file_of("tiny-imagenet-200-subset/wordnet_hierarchy.json").read_text(encoding="utf-8"))
    assert from_synset_table(entries).num_classes == (6, 19, 72, 200)
    by_id = from_synset_table(entries, keys=("lexfile", "super", "mid"))
    assert by_id.num_classes == (6, 19, 73, 200), "two synsets share a name"
