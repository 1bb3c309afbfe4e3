"""MNIST, read by torchvision."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from hmlc_ray.compute.torchvision_shim import torchvision
from hmlc_ray.config.data import MnistConfig
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.splits import divide, limited
from hmlc_ray.errors import DataError
from hmlc_ray.folders.walk import is_file
from hmlc_ray.taxonomies.named import digit_taxonomy

_READ_ERRORS = (AssertionError, KeyError, OSError, RuntimeError, TypeError, ValueError)


def load(config: MnistConfig) -> DataSet:
    """uint8 [N, 1, 28, 28]: 60,000 training images or `limit` of them, and the 10,000 test images.

    Raises:
        DataError: if a file is missing, truncated or no MNIST, or the download fails.
    """
    root = Path(config.root).expanduser().absolute()
    if config.download:
        _download(root)
    train, test = (_read(root / "MNIST" / "raw", name) for name in ("train", "t10k"))
    return divide(
        config, digit_taxonomy(str(config.own_taxonomy)), limited(train, config.limit, config.split_seed), test=test
    )


def _download(root: Path) -> None:
    try:
        torchvision.datasets.MNIST(str(root), download=True)
    except _READ_ERRORS as error:
        reason = " ".join(str(error).split())
        raise DataError(f"MNIST could not be downloaded to {str(root)!r}: {reason}") from error


def _read(folder: Path, name: str) -> Split:
    reader = torchvision.datasets.mnist
    images = _read_file(folder / f"{name}-images-idx3-ubyte", reader.read_image_file)
    labels = _read_file(folder / f"{name}-labels-idx1-ubyte", reader.read_label_file)
    if len(images) != len(labels):
        raise DataError(f"{str(folder)!r} holds {len(images)} {name} images but {len(labels)} labels")
    if images.shape[1:] != (28, 28):
        raise DataError(
            f"the {name} images in {str(folder)!r} have {' x '.join(map(str, images.shape[1:]))} pixels, not 28 x 28"
        )
    return Split(images.unsqueeze(1), labels)


def _read_file(file: Path, read: Callable[[str], Tensor]) -> Tensor:
    if not is_file(file):
        raise DataError(f"MNIST is not complete: there is no file {str(file)!r} (data.download: true fetches it)")
    try:
        return read(str(file))
    except _READ_ERRORS as error:
        raise DataError(f"{str(file)!r} is truncated or no MNIST file ({type(error).__name__}: {error})") from error
