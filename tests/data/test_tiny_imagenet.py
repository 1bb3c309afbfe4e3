"""Tiny ImageNet in both layouts, and what can be wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conformance.made.tiny_imagenet import ENTRIES, WNIDS
from made_images import make_images

from hmlc_ray.config.data import TinyImagenetConfig
from hmlc_ray.data import load_data
from hmlc_ray.errors import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "wordnet_hierarchy.json").write_text(json.dumps(ENTRIES))
    return tmp_path


def config(root: Path) -> TinyImagenetConfig:
    return TinyImagenetConfig(root=str(root), image_size=8)


def test_plain_class_folders(root: Path) -> None:
    make_images(root / "train", WNIDS, count=5)
    make_images(root / "val", WNIDS, count=2)
    data = load_data(config(root))
    assert data.taxonomy.level_names == ("lexfile", "super", "mid", "synset")
    assert data.taxonomy.num_classes == (2, 2, 3, 3)
    assert data.taxonomy.class_names[3] == WNIDS
    assert data.val is not None
    assert [len(part) for part in (data.train, data.val, data.test)] == [12, 3, 6]
    assert data.test.leaf.tolist() == [0, 0, 1, 1, 2, 2]


def test_the_published_layout(root: Path) -> None:
    make_images(root / "train", [f"{wnid}/images" for wnid in WNIDS], count=3)
    make_images(root / "val", ["images"], count=3)
    (root / "val" / "val_annotations.txt").write_text("2.png\tn01\t0\t0\t9\t9\n0.png\tn03\t0\n1.png\tn01\t0\n")
    assert load_data(config(root)).test.leaf.tolist() == [0, 0, 2]


@pytest.mark.parametrize("line", ["../x.png\tn01\t0", "0.png\tn99\t0", "0.png"])
def test_a_wrong_annotation_is_told(root: Path, line: str) -> None:
    make_images(root / "train", WNIDS, count=3)
    make_images(root / "val", ["images"], count=1)
    (root / "val" / "val_annotations.txt").write_text(line)
    with pytest.raises(DataError, match=r"line 1 of .* must be a file name and a wnid of train"):
        load_data(config(root))


def test_a_missing_or_broken_tree_is_told(root: Path) -> None:
    with pytest.raises(DataError, match="holds no folder train/<wnid>"):
        load_data(config(root))
    make_images(root / "train", (*WNIDS, "n04"), count=1)
    with pytest.raises(
        DataError, match=r"no tree can be made of .*wordnet_hierarchy.*: .* gives no 'lexfile' for the synset 'n04'"
    ):
        load_data(config(root))
    for broken in ('{"n01": {"lexfile": "x"}}', "[]", '{"n01": 3}', "{", "[" * 100_000):
        (root / "wordnet_hierarchy.json").write_text(broken)
        with pytest.raises(DataError, match="which must give each wnid in train its lexfile, super_name, mid_name: "):
            load_data(config(root))
    (root / "wordnet_hierarchy.json").unlink()
    with pytest.raises(DataError, match=r"cannot read .*wordnet_hierarchy.*: No such file or directory"):
        load_data(config(root))


def test_a_class_without_images_is_named(root: Path) -> None:
    make_images(root / "train", WNIDS, count=3)
    make_images(root / "val", WNIDS[:2], count=1)
    with pytest.raises(DataError, match=r"there is no image in .*val/n03"):
        load_data(config(root))
