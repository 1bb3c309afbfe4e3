"""Nested class folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from made_images import make_images


def make(folder: Path) -> dict[str, Any]:
    return {"root": str(make_images(folder, count=5)), "image_size": 8}
