"""Folders as Hugging Face `datasets` saves them, made for a test."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value
from made_images import TREE
from PIL import Image as Pillow

REALMS, LEAVES = ("thing", "animal"), ("dog", "cat", "car")


def features() -> Features:
    """A realm as a text and a leaf as a label, whose numbers are in another order than its names."""
    return Features(
        {"image": Image(), "realm": Value("string"), "leaf": ClassLabel(names=[*LEAVES]), "id": Value("int64")}
    )


def encoded(mode: str = "RGB", seed: int = 0, form: str = "PNG") -> dict[str, Any]:
    """An image of random pixels, as a row holds it."""
    pixels = np.random.default_rng(seed).integers(0, 256, (10, 12, 4), dtype=np.uint8)
    written = BytesIO()
    Pillow.fromarray(pixels, "RGBA").convert(mode).save(written, form)
    return {"bytes": written.getvalue(), "path": None}


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """`count` rows of each leaf."""
    names = [name.split("/") for name in TREE]
    return [
        {"image": encoded(seed=seed + 100 * leaf + i), "realm": realm, "leaf": LEAVES.index(name), "id": i}
        for leaf, (realm, name) in enumerate(names)
        for i in range(count)
    ]


def save_rows(folder: Path, counts: Mapping[str, int]) -> Path:
    """A data set with so many rows of each leaf in its splits; returns the folder."""
    made = {name: rows(max(count, 1), 1000 * at) for at, (name, count) in enumerate(counts.items())}
    splits = {name: Dataset.from_list(content, features()) for name, content in made.items()}
    splits = {name: split if counts[name] else split.select([]) for name, split in splits.items()}
    DatasetDict(splits).save_to_disk(str(folder))
    return folder
