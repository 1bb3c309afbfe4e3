"""ModelNet10 as published, of boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from made_meshes import write_classes

from hmlc_ray.taxonomies.named import MODELNET10_CLASSES


def make(folder: Path) -> dict[str, Any]:
    for name in MODELNET10_CLASSES:
        write_classes(folder / "ModelNet10" / name, {"train": 3, "test": 2})
    return {"root": str(folder), "variant": "modelnet10", "num_points": 16}
