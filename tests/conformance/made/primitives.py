"""Few solids of few points."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def make(folder: Path) -> dict[str, Any]:
    return {"per_class": 5, "num_points": 32}
