"""A data set from a manifest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from made_images import TREE, make_images

from hmlc_ray.config.data import ManifestConfig
from hmlc_ray.config.levels import level_names
from hmlc_ray.data import load_data
from hmlc_ray.data.images import decode
from hmlc_ray.errors import DataError


def listed(root: Path, split: str = "") -> Path:
    rows = [f"{name}/{i}.png,{name.split('/')[1]},{name.split('/')[0]}{split}" for name in TREE for i in range(4)]
    file = root / "list.csv"
    file.write_text("path,leaf,realm" + (",split" if split else "") + "\n" + "\n".join(rows) + "\n")
    return file


def config(file: Path, **values: object) -> ManifestConfig:
    return ManifestConfig.model_validate({"file": str(file), "image_size": 8, **values})


def test_splits_that_are_not_given_are_drawn(tmp_path: Path) -> None:
    file = listed(make_images(tmp_path))
    data = load_data(config(file))
    assert data.val is not None
    assert level_names(config(file)) == data.taxonomy.level_names == ("realm", "leaf")
    assert data.taxonomy.class_names == (("animal", "thing"), ("cat", "dog", "car"))
    assert [len(part) for part in (data.train, data.val, data.test)] == [6, 3, 3]
    rows = torch.cat([part.rows for part in (data.train, data.val, data.test) if part.rows is not None])
    assert sorted(rows.tolist()) == list(range(12))


def test_pixels_and_leaves_belong_together(tmp_path: Path) -> None:
    data = load_data(config(listed(make_images(tmp_path))))
    pictures = {decode(tmp_path / name / f"{i}.png", 3, 8).tobytes(): name for name in TREE for i in range(4)}
    for part in (data.train, data.val, data.test):
        assert part is not None
        for image, leaf in zip(part.at(torch.arange(len(part))), part.leaf.tolist(), strict=True):
            path = data.taxonomy.leaf_paths[leaf]
            names = [data.taxonomy.class_names[level][c] for level, c in enumerate(path)]
            assert pictures[np.asarray(image).tobytes()] == "/".join(names)


def test_the_splits_of_the_file_are_kept(tmp_path: Path) -> None:
    file = listed(make_images(tmp_path), ",train")
    lines = file.read_text().splitlines()
    lines[4], lines[8] = lines[4].replace("train", "test"), lines[8].replace("train", "val")
    file.write_text("\n".join(lines))
    data = load_data(config(file))
    assert data.val is not None
    assert [len(part) for part in (data.train, data.val, data.test)] == [10, 1, 1]
    assert (data.test.leaf.tolist(), data.val.leaf.tolist()) == ([0], [1])


def test_a_leaf_without_training_samples_is_named(tmp_path: Path) -> None:
    file = listed(make_images(tmp_path), ",train")
    text = file.read_text()
    file.write_text(text.replace("car,thing,train", "car,thing,test"))
    with pytest.raises(DataError, match="leaf 'car' has 0 training samples"):
        load_data(config(file))
