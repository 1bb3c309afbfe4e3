"""A CSV file that lists images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from made_images import TREE, make_images


def make(folder: Path) -> dict[str, Any]:
    make_images(folder, count=5)
    rows = [f"{name}/{i}.png,{name.split('/')[1]},{name.split('/')[0]}" for name in TREE for i in range(5)]
    (folder / "list.csv").write_text("path,leaf,realm\n" + "\n".join(rows) + "\n")
    return {"file": str(folder / "list.csv"), "image_size": 8}
