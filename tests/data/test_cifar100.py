"""CIFAR-100 from its published files, missing and broken."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from conformance.made.cifar100 import make

from hmlc_ray.compute.torchvision_shim import torchvision
from hmlc_ray.config.data import Cifar100Config
from hmlc_ray.data import load_data
from hmlc_ray.errors import DataError, TaxonomyError
from hmlc_ray.taxonomies.named import cifar100_taxonomy


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make(tmp_path, monkeypatch)
    return tmp_path


def test_labels_and_channels_are_in_their_places(root: Path) -> None:
    data = load_data(Cifar100Config(root=str(root)))
    assert data.val is not None
    assert [len(part) for part in (data.train, data.val, data.test)] == [800, 200, 100]
    assert data.input_shape == (3, 32, 32)
    assert torch.equal(data.train.inputs[:, 0, 5, 5].long(), data.train.leaf)
    assert set(data.train.inputs[:, 1:].unique().tolist()) == {200}
    assert len(load_data(Cifar100Config(root=str(root), limit=500, train_on="train+val")).train) == 500


def test_the_tree_of_five_levels_can_be_chosen(root: Path) -> None:
    data = load_data(Cifar100Config(root=str(root), taxonomy="five-levels"))
    assert data.taxonomy.num_classes == (2, 4, 8, 20, 100)


def test_every_superclass_has_five_classes() -> None:
    taxonomy = cifar100_taxonomy()
    assert taxonomy.num_classes == (20, 100)
    assert np.bincount(taxonomy.leaf_paths[:, 0]).tolist() == [5] * 20
    names = taxonomy.class_names[1]
    assert list(names) == sorted(names)
    assert [taxonomy.class_names[0][taxonomy.leaf_paths[leaf, 0]] for leaf in (0, 13, 99)] == [
        "fruit_and_vegetables",
        "vehicles_1",
        "non-insect_invertebrates",
    ]


def test_missing_files_and_wrong_checksums_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cifar-100-python' holds no CIFAR-100, or files with wrong checksums"):
        load_data(Cifar100Config(root=str(tmp_path)))
    (tmp_path / "cifar-100-python").mkdir()
    for name in ("train", "test", "meta"):
        (tmp_path / "cifar-100-python" / name).write_bytes(b"x")
    with pytest.raises(DataError, match="wrong checksums"):
        load_data(Cifar100Config(root=str(tmp_path)))


def test_a_failed_download_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError("no\nnetwork")

    monkeypatch.setattr(torchvision.datasets.cifar, "download_and_extract_archive", refuse)
    with pytest.raises(DataError, match=r"CIFAR-100 could not be downloaded to .*: no network"):
        load_data(Cifar100Config(root=str(tmp_path), download=True))


def test_a_label_outside_the_tree_is_told(root: Path) -> None:
    file = root / "cifar-100-python" / "train"
    content = pickle.loads(file.read_bytes())
    content["fine_labels"][3] = 100
    file.write_bytes(pickle.dumps(content))
    with pytest.raises(TaxonomyError, match="100") as caught:
        load_data(Cifar100Config(root=str(root)))
    assert "\n" not in str(caught.value)
