"""A table of features with its labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def make(folder: Path) -> dict[str, Any]:
    leaf = np.arange(30) % 3
    features = np.random.default_rng(0).normal(leaf[:, None], 1, (30, 6)).astype(np.float32)
    np.save(folder / "features.npy", features)
    rows = [f"leaf{n},{'a' if n < 2 else 'b'}" for n in leaf]
    (folder / "labels.csv").write_text("leaf,parent\n" + "\n".join(rows) + "\n")
    return {"file": str(folder / "features.npy")}
