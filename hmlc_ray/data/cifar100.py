"""CIFAR-100, read by torchvision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from hmlc_ray.compute.torchvision_shim import torchvision
from hmlc_ray.config.data import Cifar100Config
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.splits import divide, limited
from hmlc_ray.errors import DataError
from hmlc_ray.taxonomies.named import cifar100_taxonomy


def load(config: Cifar100Config) -> DataSet:
    """uint8 [N, 3, 32, 32]: 50,000 training images or `limit` of them, and the 10,000 test images.

    Raises:
        DataError: if the files are missing or their checksums wrong, or the download fails.
    """
    root = Path(config.root).expanduser().absolute()
    train, test = (_read(root, train=train, download=config.download) for train in (True, False))
    return divide(
        config, cifar100_taxonomy(str(config.own_taxonomy)), limited(train, config.limit, config.split_seed), test=test
    )


def _read(root: Path, *, train: bool, download: bool) -> Split:
    try:
        data = torchvision.datasets.CIFAR100(str(root), train=train, download=download)
    except (OSError, RuntimeError) as error:
        if download:
            reason = " ".join(str(error).split())
            raise DataError(f"CIFAR-100 could not be downloaded to {str(root)!r}: {reason}") from error
        raise DataError(
            f"{str(root / 'cifar-100-python')!r} holds no CIFAR-100, or files with wrong checksums "
            "(data.download: true fetches it)"
        ) from error
    images = np.ascontiguousarray(data.data.transpose(0, 3, 1, 2))
    return Split(torch.from_numpy(images), torch.tensor(data.targets, dtype=torch.int64))
