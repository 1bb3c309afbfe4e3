from __future__ import annotations

import json
from pathlib import Path

import pytest

from hmlc_ray.errors import DataError, TaxonomyError
from hmlc_ray.taxonomies import NAMED, from_csv, from_folders, from_json, load_taxonomy

NESTED = {"animal": {"dog": ["beagle", "collie"], "cat": ["tabby"]}, "plant": {"tree": ["oak"]}}


def touch(root: Path, *files: str) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_nested_folders(tmp_path: Path) -> None:
    tree = from_folders(touch(tmp_path, "train/animal/dog/1.png", "train/animal/cat/1.png", "train/plant/oak/1.png"))
    assert tree.class_names == (("animal", "plant"), ("cat", "dog", "oak"))
    assert tree.leaf_paths.tolist() == [[0, 0], [0, 1], [1, 2]]


def test_other_files_than_images_may_count(tmp_path: Path) -> None:
    touch(tmp_path, "chair/office/1.off", "bed/double/1.off")
    with pytest.raises(DataError):
        from_folders(tmp_path)
    assert from_folders(tmp_path, frozenset({".off"})).num_classes == (2, 2)


def test_folders_of_uneven_depth_are_named_with_their_depths(tmp_path: Path) -> None:
    touch(tmp_path, "animal/dog/1.png", "animal/cat/siam/1.png")
    with pytest.raises(TaxonomyError, match=r"'animal/dog' lies 2 deep and 'animal/cat/siam' 3"):
        from_folders(tmp_path)


def test_a_table(tmp_path: Path) -> None:
    file = tmp_path / "tree.csv"
    file.write_text("leaf,kind,realm\nbeagle,dog,animal\noak,tree,plant\ncollie,dog,animal\n")
    tree = from_csv(file)
    assert tree.level_names == ("realm", "kind", "leaf")
    assert tree.class_names == (("animal", "plant"), ("dog", "tree"), ("beagle", "oak", "collie"))


def test_both_json_forms_give_the_same_tree(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text(json.dumps({"level_names": ["realm", "kind", "breed"], "tree": NESTED}))
    tree = from_json(first)
    assert tree.num_classes == (2, 3, 4)
    assert tree.class_names[2] == ("beagle", "collie", "tabby", "oak")
    second.write_text(json.dumps(tree.to_dict()))
    assert from_json(second).to_dict() == tree.to_dict()
    first.write_text(json.dumps({"tree": NESTED}))
    assert from_json(first).level_names == ("level0", "level1", "level2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot read the taxonomy"),
        ("[" * 100_000, "cannot read the taxonomy"),
        ("[1]", "must hold an object with `level_names` and `tree`"),
        ('{"tree": {"a": ["x"], "b": {"c": ["y"]}}}', r"'a/x' lies 2 levels deep where 3"),
        ('{"tree": {"a": ["x", 3]}}', "below 'a' there must be an object of classes or a list of leaf names"),
        ('{"tree": {}}', "below 'the root'"),
        ('{"tree": {"a": ["x", "y"]}, "level_names": "ab"}', "level_names in .* must be a list"),
        ('{"tree": {"a": ["x", "x"]}}', "listed twice"),
        ('{"leaf_paths": [[0]]}', "not a taxonomy"),
    ],
)
def test_wrong_json_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "tree.json"
    file.write_text(text)
    with pytest.raises(TaxonomyError, match=message):
        from_json(file)


def test_any_source_loads_and_others_are_refused_with_what_is_allowed(tmp_path: Path) -> None:
    folders = touch(tmp_path / "photos", "animal/dog/1.png", "plant/oak/1.png")
    table, tree = tmp_path / "tree.csv", tmp_path / "tree.JSON"
    table.write_text("leaf,kind\ndog,animal\noak,plant\n")
    tree.write_text(json.dumps({"tree": {"animal": ["dog"], "plant": ["oak"]}}))
    for source in (folders, table, str(tree)):
        assert load_taxonomy(source).leaf_paths.tolist() == [[0, 0], [1, 1]]
    for name in NAMED:
        assert load_taxonomy(name).num_leaves >= 10
    for wrong in ("cifar10", tmp_path / "missing.csv", touch(tmp_path, "notes.txt") / "notes.txt"):
        with pytest.raises(TaxonomyError, match=r"or one of digits-parity, .*cifar100"):
            load_taxonomy(wrong)
