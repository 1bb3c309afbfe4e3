"""A folder that `save_to_disk` writes: train alone, classes as labels and as texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hf_folders import save_rows


def make(folder: Path) -> dict[str, Any]:
    save_rows(folder / "saved", {"train": 5})
    return {"root": str(folder / "saved"), "levels": ("realm", "leaf"), "image_size": 8}
