"""Real files, where they are at hand: HMLC_DATA_DIR holds `MNIST/raw` and `cifar100-partial`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hmlc_ray.config.data import ImageFolderConfig, MnistConfig
from hmlc_ray.data import load_data


@pytest.fixture
def pack() -> Callable[[str], Path]:
    """The path of something below HMLC_DATA_DIR."""

    def find(name: str) -> Path:
        root = os.environ.get("HMLC_DATA_DIR")
        if not root:
            pytest.skip("HMLC_DATA_DIR is not set")
        if not (Path(root) / name).exists():
            pytest.skip(f"HMLC_DATA_DIR holds no {name}")
        return Path(root)

    return find


def test_mnist_has_its_known_counts(pack: Callable[[str], Path]) -> None:
    data = load_data(MnistConfig(root=str(pack("MNIST/raw"))))
    assert data.val is not None
    assert [len(part) for part in (data.train, data.val, data.test)] == [48_000, 12_000, 10_000]
    train = torch.bincount(torch.cat([data.train.leaf, data.val.leaf])).tolist()
    assert train == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert torch.bincount(data.test.leaf).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert abs(data.train.inputs.float().mean() / 255 - 0.1307) < 0.002


def test_cifar100_as_a_folder_has_its_twenty_superclasses(pack: Callable[[str], Path]) -> None:
    root = pack("cifar100-partial") / "cifar100-partial"
    data = load_data(ImageFolderConfig(root=str(root), level_names=("superclass", "class")))
    assert data.taxonomy.num_classes == (20, 100)
    assert torch.bincount(torch.from_numpy(data.taxonomy.leaf_paths[:, 0].copy())).tolist() == [5] * 20
    assert data.input_shape == (3, 32, 32)
    assert len(data.test) == len(list((root / "test").rglob("*.png")))
    counts = data.taxonomy.class_counts(data.train.leaf)
    assert min(counts[-1]) >= 1
