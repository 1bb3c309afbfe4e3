"""Folders of empty files, made for a test: what they hold is found without opening any."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml


def grow(root: Path, folders: Iterable[str], *, suffix: str = ".png", count: int = 1) -> Path:
    """`count` files in each folder, relative to the root, which is returned."""
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            (root / folder / f"{i}{suffix}").touch()
    return root


def trial_file(folder: Path, **data: object) -> Path:
    """A trial on an image folder, small enough to be checked or trained at once."""
    values = {
        "data": {"kind": "image-folder", "image_size": 8, **data},
        "encoder": {"kind": "mlp", "hidden_dim": 16, "feature_dim": 8},
        "head": {"hidden_dim": 8, "embedding_dim": 8},
        "objective": {"kind": "sum-supcon"},
        "training": {"epochs": 1, "cpu_threads": 1},
        "evaluation": {"probe_regularisation": [0.1]},
    }
    file = folder / "trial.yaml"
    file.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    return file
