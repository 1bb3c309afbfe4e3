"""MNIST from idx files, whole, limited, missing and broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conformance.made.mnist import idx, make

from hmlc_ray.compute.torchvision_shim import torchvision
from hmlc_ray.config.data import MnistConfig
from hmlc_ray.data import load_data
from hmlc_ray.errors import DataError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make(tmp_path)
    return tmp_path


def config(root: Path, **values: object) -> MnistConfig:
    return MnistConfig.model_validate({"root": str(root), **values})


def test_its_test_images_are_the_test_split(root: Path) -> None:
    data = load_data(config(root))
    assert data.val is not None
    assert data.input_shape == (1, 28, 28)
    assert [len(part) for part in (data.train, data.val, data.test)] == [320, 80, 50]
    assert data.test.inputs[:, 0, 0, 0].tolist() == list(range(50))
    assert data.test.leaf.tolist() == [i % 10 for i in range(50)]


def test_a_limit_takes_a_stratified_subset_of_the_training_images(root: Path) -> None:
    data = load_data(config(root, limit=100, train_on="train+val"))
    assert torch.bincount(data.train.leaf).tolist() == [10] * 10
    assert len(data.test) == 50


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5])


BREAKAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "MNIST is not complete: there is no file"),
    "truncated": (_cut, "is truncated or no MNIST file"),
    "empty": (lambda file: file.write_bytes(b""), "is truncated or no MNIST file"),
    "text": (lambda file: file.write_text("no idx file at all"), "is truncated or no MNIST file"),
}


@pytest.mark.parametrize(("breakage", "message"), BREAKAGES.values(), ids=BREAKAGES)
@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"])
def test_a_missing_or_broken_file_is_named(
    root: Path, name: str, breakage: Callable[[Path], object], message: str
) -> None:
    breakage(root / "MNIST" / "raw" / name)
    with pytest.raises(DataError, match=message) as caught:
        load_data(config(root))
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_folder_tells_what_is_missing_and_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file .*train-images-idx3-ubyte.* \(data.download: true fetches it\)"):
        load_data(config(tmp_path))


def test_images_and_labels_must_agree(root: Path) -> None:
    (root / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(3, dtype=np.uint8)))
    with pytest.raises(DataError, match="holds 50 t10k images but 3 labels"):
        load_data(config(root))


def test_a_label_that_is_no_digit_is_told(root: Path) -> None:
    labels = np.arange(50, dtype=np.uint8)
    (root / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").write_bytes(idx(labels))
    with pytest.raises(ValueError, match="leaf label 49 is not in the taxonomy, which has leaves 0 to 9"):
        load_data(config(root))


def test_a_failed_download_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("Error downloading x:\nTried y, got:\nno network")

    monkeypatch.setattr(torchvision.datasets, "MNIST", refuse)
    with pytest.raises(
        DataError, match=r"could not be downloaded to .*: Error downloading x: Tried y, got: no network"
    ):
        load_data(config(tmp_path, download=True))
