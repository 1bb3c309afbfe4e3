"""Folders of small images, made for a test."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

TREE = ("animal/cat", "animal/dog", "thing/car")


def make_images(root: Path, classes: Iterable[str] = TREE, count: int = 4, size: tuple[int, int] = (12, 10)) -> Path:
    """`count` random RGB images (width, height) per class folder; returns the root."""
    rng = np.random.default_rng(0)
    for name in classes:
        folder = root / name
        folder.mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}.png")
    return root
