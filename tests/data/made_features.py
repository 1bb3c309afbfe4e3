"""Small tables of features with a tree of two levels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

NAMES = (("a", "p"), ("a", "q"), ("b", "r"), ("b", "s"))
"""Classes, coarsest first."""


def made(per_leaf: int = 12, dims: int = 8, seed: int = 0, spread: float = 0.3) -> tuple[np.ndarray, list[int]]:
    """Rows around a centre per leaf, float32 [N, dims], and their leaves."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(len(NAMES), dims))
    leaf = np.repeat(np.arange(len(NAMES)), per_leaf)
    rows = centres[leaf] + spread * rng.normal(size=(len(leaf), dims))
    return rows.astype(np.float32), leaf.tolist()


def write_features(folder: Path, per_leaf: int = 12, dims: int = 8, *, splits: bool = False) -> Path:
    """`features.npy` and `labels.csv`."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, leaf = made(per_leaf, dims)
    np.save(folder / "features.npy", rows)
    split = ["train", "train", "val", "test"]
    lines = [
        f"{row},{NAMES[leaf_][1]},{NAMES[leaf_][0]}" + (f",{split[row % 4]}" if splits else "")
        for row, leaf_ in enumerate(leaf)
    ]
    (folder / "labels.csv").write_text("\n".join(["row,leaf,kind" + (",split" if splits else ""), *lines]) + "\n")
    return folder
