"""Nested folders of point clouds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

CLASSES = {"fruit/apple": 6, "fruit/pear": 5, "tool/saw": 7}


def make(folder: Path) -> dict[str, Any]:
    random = np.random.default_rng(0)
    for name, count in CLASSES.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            np.save(folder / name / f"{number}.npy", random.normal(size=(40, 3)).astype(np.float32))
    return {"root": str(folder), "num_points": 16}
