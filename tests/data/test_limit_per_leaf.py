"""Few samples per leaf: seeded, nested, of train alone, for every kind of data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_features import write_features

from hmlc_ray.config.data import DigitsConfig, ImageFolderConfig
from hmlc_ray.config.features import FeaturesConfig
from hmlc_ray.config.points import PrimitivesConfig
from hmlc_ray.data import DataSet, load_data
from hmlc_ray.data.base import Split
from hmlc_ray.data.splits import per_leaf
from hmlc_ray.evaluation.embed import embed


def rows(split: Split) -> set[bytes]:
    return {row.tobytes() for row in split.at(torch.arange(len(split))).numpy()}


@given(counts=st.lists(st.integers(1, 30), min_size=1, max_size=6), seed=st.integers(0, 2**31), limits=st.data())
@settings(max_examples=30, deadline=None)
def test_a_smaller_limit_takes_some_of_a_larger_one(counts: list[int], seed: int, limits: st.DataObject) -> None:
    leaf = torch.from_numpy(np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts)))
    split = Split(torch.arange(len(leaf)), leaf)
    small = limits.draw(st.integers(1, 30))
    large = limits.draw(st.integers(small, 31))
    few, more = per_leaf(split, small, seed), per_leaf(split, large, seed)
    assert set(few.inputs[:].tolist()) <= set(more.inputs[:].tolist())
    assert torch.bincount(few.leaf, minlength=len(counts)).tolist() == [min(count, small) for count in counts]
    assert torch.equal(few.inputs[:], per_leaf(split, small, seed).inputs[:])
    assert per_leaf(split, None, seed) is split


def _folder(root: Path) -> ImageFolderConfig:
    from PIL import Image

    rng = np.random.default_rng(0)
    for name in ("a/x", "a/y", "b/z"):
        (root / name).mkdir(parents=True)
        for number in range(20):
            Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(root / name / f"{number}.png")
    return ImageFolderConfig(root=str(root), image_size=8)


@pytest.mark.parametrize("kind", ["digits", "primitives", "image-folder", "features"])
def test_every_kind_is_limited_in_train_alone(kind: str, tmp_path: Path) -> None:
    config = {
        "digits": lambda: DigitsConfig(),
        "primitives": lambda: PrimitivesConfig(per_class=20, num_points=16),
        "image-folder": lambda: _folder(tmp_path / "images"),
        "features": lambda: FeaturesConfig(file=str(write_features(tmp_path, 20))),
    }[kind]()

    def limited(limit: int | None, **more: object) -> DataSet:
        return load_data(config.model_copy(update={"limit_per_leaf": limit, **more}))

    whole, three, ten = limited(None), limited(3), limited(10)
    assert {int(count) for count in torch.bincount(three.train.leaf)} == {3}
    assert {int(count) for count in torch.bincount(ten.train.leaf)} == {10}
    assert rows(three.train) <= rows(ten.train) <= rows(whole.train)
    for part, other in ((whole.val, three.val), (whole.test, three.test)):
        assert part is not None
        assert other is not None
        assert torch.equal(part.leaf, other.leaf)
    assert len({data.fingerprint for data in (whole, three, ten)}) == 3
    assert three.fingerprint == limited(3).fingerprint
    assert any(note.startswith(f"train holds {len(three.train)} of ") for note in three.notes)
    assert not any("limit_per_leaf" in note for note in whole.notes)


def test_a_leaf_that_has_fewer_is_noted() -> None:
    data = load_data(DigitsConfig(limit_per_leaf=115))
    counts = torch.bincount(data.train.leaf)
    assert counts.max() == 115
    assert counts.min() < 115
    assert f"; {int((counts < 115).sum())} of 10 have fewer: " in data.notes[-1]


def test_a_refit_trains_on_as_many_of_train_and_validation_together() -> None:
    trial, refit = (load_data(DigitsConfig(limit_per_leaf=3, train_on=on)) for on in ("train", "train+val"))
    assert torch.bincount(refit.train.leaf).tolist() == [3] * 10
    assert trial.fingerprint == refit.fingerprint
    assert embed(torch.nn.Flatten(), refit.train.inputs, "cpu").shape == (30, 64)
