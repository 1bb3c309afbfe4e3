"""Batches hold exactly the samples that the sampler names, wherever the samples are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from made_images import make_images

from hmlc_ray.config.data import ImageFolderConfig
from hmlc_ray.data import load_data, loader
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.loader import epoch_batches, place_of
from hmlc_ray.errors import DataError

CPU = torch.device("cpu")


def folder(root: Path, cache: str) -> DataSet:
    return load_data(ImageFolderConfig.model_validate({"root": str(root), "image_size": 8, "cache": cache}))


def test_batches_follow_the_sampler() -> None:
    split = Split(torch.arange(10, dtype=torch.uint8).reshape(10, 1, 1, 1), torch.arange(10) % 3)
    named = [np.array([7, 2, 2]), np.array([0, 9])]
    batches = list(epoch_batches(split, named, CPU))
    assert [index.tolist() for _, _, index in batches] == [[7, 2, 2], [0, 9]]
    for (inputs, leaf, index), rows in zip(batches, named, strict=True):
        assert inputs.dtype == torch.uint8
        assert inputs.flatten().tolist() == rows.tolist() == index.tolist()
        assert leaf.tolist() == [row % 3 for row in rows]


def test_the_place_is_the_one_that_was_asked_for(tmp_path: Path) -> None:
    make_images(tmp_path)
    found = {cache: place_of(folder(tmp_path, cache), CPU) for cache in ("auto", "device", "memory", "disk", "none")}
    assert found == {"auto": "memory", "device": "memory", "memory": "memory", "disk": "disk", "none": "none"}


def test_samples_are_copied_to_an_accelerator_if_asked(tmp_path: Path) -> None:
    """The meta device stands in for an accelerator: it keeps shapes alone."""
    make_images(tmp_path)
    meta = torch.device("meta")
    assert place_of(folder(tmp_path, "device"), meta) == "device"
    assert place_of(folder(tmp_path, "disk"), meta) == "disk"
    ((inputs, leaf, _),) = epoch_batches(folder(tmp_path, "device").train, [np.array([0, 3])], meta, "device")
    assert (inputs.device.type, leaf.device.type, tuple(inputs.shape)) == ("meta", "meta", (2, 3, 8, 8))


@pytest.mark.slow
def test_worker_processes_decode_the_same_batches_epoch_after_epoch(tmp_path: Path) -> None:
    root = make_images(tmp_path)
    memory, files = folder(root, "memory"), folder(root, "none")
    for named in ([np.array([5, 0, 2]), np.array([1])], [np.array([4, 4])]):
        wanted = list(epoch_batches(memory.train, named, CPU))
        found = list(epoch_batches(files.train, named, CPU, "none"))
        for one, other in zip(wanted, found, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert loader._loader.cache_info().misses == 1, "the processes outlive an epoch"
    files.train.inputs.files[int(files.train.rows[0])] = str(tmp_path / "gone.png")  # type: ignore[attr-defined,index]
    loader._loader.cache_clear()
    with pytest.raises(DataError, match=r"^cannot read the image .*gone\.png.*; it could be read before$"):
        list(epoch_batches(files.train, [np.array([0])], CPU, "none"))
    loader._loader.cache_clear()
