"""Small files in CIFAR-100's format: ten training images and one test image of every class."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmlc_ray.compute.torchvision_shim import torchvision
from hmlc_ray.taxonomies.named import cifar100_taxonomy


def make(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The files, of other content than those whose hashes torchvision knows."""
    batches = folder / "cifar-100-python"
    batches.mkdir()
    for name, copies in (("train", 10), ("test", 1)):
        labels = list(range(100)) * copies
        pixels = np.repeat(np.array(labels, dtype=np.uint8)[:, None], 3072, axis=1)
        pixels[:, 1024:] = 200  # red planes come first, so red alone holds the label
        (batches / name).write_bytes(pickle.dumps({"data": pixels, "fine_labels": labels}))
    (batches / "meta").write_bytes(pickle.dumps({"fine_label_names": list(cifar100_taxonomy().class_names[1])}))
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda path, _md5: Path(path).is_file())
    return {"root": str(folder)}
