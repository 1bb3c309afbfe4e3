"""Grocery Store's lists, good and bad."""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance.made.grocery import CLASSES, make

from hmlc_ray.config.data import GroceryConfig
from hmlc_ray.data import load_data
from hmlc_ray.errors import DataError, TaxonomyError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make(tmp_path)
    return tmp_path


def config(root: Path) -> GroceryConfig:
    return GroceryConfig(root=str(root), image_size=8)


def test_departments_groups_and_products_make_three_levels(root: Path) -> None:
    data = load_data(config(root))
    assert data.taxonomy.level_names == ("department", "group", "product")
    assert data.taxonomy.class_names[0] == ("Fruit", "Vegetables")
    assert data.taxonomy.class_names[2] == ("Gala", "Kiwi", "Leek")
    assert data.val is not None
    assert [part.leaf.tolist() for part in (data.train, data.val, data.test)] == [
        [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2],
        [0, 1],
        [0, 0, 1, 1, 2, 2],
    ]


WRONG_LINES = {
    "outside": ("train/../../x/0.png, 0, 0", "line 1 of .* leads out of the data folder"),
    "absolute": ("/etc/x/0.png, 0, 0", "line 1 of .* leads out of the data folder"),
    "unknown product": ("train/Fruit/Kiwi/0.png, 3, 0", r"line 1 of .* its product id \(below 3\)"),
    "no number": ("train/Fruit/Kiwi/0.png, x, 0", "line 1 of .* must be an image's path"),
    "cut": ("train/Fruit/Kiwi/0.png", "line 1 of .* must be an image's path"),
    "missing image": ("train/Fruit/Kiwi/9.png, 1, 0", r"cannot read the image .*Kiwi/9\.png"),
}


@pytest.mark.parametrize(("line", "message"), WRONG_LINES.values(), ids=WRONG_LINES)
def test_a_wrong_line_is_told(root: Path, line: str, message: str) -> None:
    text = (root / "train.txt").read_text()
    (root / "train.txt").write_text(f"{line}\n{text}")
    with pytest.raises(DataError, match=message):
        load_data(config(root))


def test_missing_or_foreign_tables_are_told(root: Path) -> None:
    with pytest.raises(DataError, match="must hold the Grocery Store set as published"):
        load_data(config(root / "nowhere"))
    (root / "classes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="is not the Grocery Store set's table of classes"):
        load_data(config(root))


def test_a_product_without_training_images_is_named(root: Path) -> None:
    (root / "train.txt").write_text("train/Fruit/Kiwi/0.png, 1, 0\n")
    with pytest.raises(DataError, match="no training image of the product 'Gala'"):
        load_data(config(root))


def test_products_of_the_same_name_in_one_group_are_no_tree(root: Path) -> None:
    (root / "classes.csv").write_text(CLASSES.replace("Kiwi,1,Kiwi", "Gala,1,Apple"))
    with pytest.raises(TaxonomyError, match="listed twice"):
        load_data(config(root))
