"""Nested folders of boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from made_meshes import write_classes


def make(folder: Path) -> dict[str, Any]:
    return {"root": str(write_classes(folder, {"fruit/apple": 6, "fruit/pear": 5, "tool/saw": 7})), "num_points": 16}
