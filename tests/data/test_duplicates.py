"""Samples that lie in several splits are counted and told once."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from made_images import make_images

from hmlc_ray.config.data import DigitsConfig, ImageFolderConfig
from hmlc_ray.data import load_data
from hmlc_ray.data.base import Split
from hmlc_ray.data.duplicates import count_duplicates, warn_of_duplicates
from hmlc_ray.data.splits import divide
from hmlc_ray.taxonomy import Taxonomy

TREE = Taxonomy.from_paths(("leaf",), [("a",), ("b",)])


def split(values: list[int]) -> Split:
    leaf = torch.arange(len(values)) % 2
    return Split(torch.tensor(values, dtype=torch.uint8).reshape(-1, 1, 1, 1), leaf)


def test_counts_are_those_of_the_later_split(caplog: pytest.LogCaptureFixture) -> None:
    data = divide(DigitsConfig(), TREE, split([1, 2, 3, 4]), split([5, 4, 4]), split([9, 1, 5, 8]))
    assert count_duplicates(data) == {("train", "val"): 2, ("train", "test"): 1, ("val", "test"): 1}
    with caplog.at_level(logging.WARNING):
        warn_of_duplicates(data)
    (record,) = caplog.records
    assert "2 of val are in train, 1 of test are in train, 1 of test are in val" in record.message


def test_without_duplicates_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    data = divide(DigitsConfig(train_on="train+val"), TREE, split([1, 2]), split([3, 4]), split([5, 6]))
    with caplog.at_level(logging.WARNING):
        warn_of_duplicates(data)
    assert caplog.records == []
    assert count_duplicates(data) == {("train", "test"): 0}


@pytest.mark.parametrize("cache", ["memory", "disk", "none"])
def test_copies_of_a_file_are_found_by_their_pixels(tmp_path: Path, cache: str) -> None:
    """The made images are the same in each split, whatever their files are called."""
    for name, count in (("train", 3), ("val", 2), ("test", 1)):
        make_images(tmp_path / name, count=count)
    (tmp_path / "test/thing/car/0.png").rename(tmp_path / "test/thing/car/other.png")
    data = load_data(ImageFolderConfig.model_validate({"root": str(tmp_path), "image_size": 8, "cache": cache}))
    found = count_duplicates(data)
    assert found == {("train", "val"): 6, ("train", "test"): 3, ("val", "test"): 3}
