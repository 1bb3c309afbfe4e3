"""Three synsets of Tiny ImageNet, in plain class folders."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from made_images import make_images

ENTRIES = {
    "n02": {"lexfile": "noun.animal", "super_name": "chordate", "mid_name": "dog", "name": "beagle"},
    "n01": {"lexfile": "noun.animal", "super_name": "chordate", "mid_name": "fish", "name": "goldfish"},
    "n03": {"lexfile": "noun.artifact", "super_name": "device", "mid_name": "tool", "name": "plane"},
    "n99": {"lexfile": "noun.food", "super_name": "food", "mid_name": "dish", "name": "not in this subset"},
}
WNIDS = ("n01", "n02", "n03")


def make(folder: Path) -> dict[str, Any]:
    (folder / "wordnet_hierarchy.json").write_text(json.dumps(ENTRIES))
    make_images(folder / "train", WNIDS, count=5)
    make_images(folder / "val", WNIDS, count=2)
    return {"root": str(folder), "image_size": 8}
