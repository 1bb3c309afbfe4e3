"""What suits the data and the machine: sizes, batches, epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hmlc_ray.config.found import FoundLeaves

IMBALANCED, STRONGLY = 3.0, 10.0
"""Largest class by smallest, from which on it is mentioned, and searched over."""
_SIZES = (32, 48, 64, 96, 128, 160, 224)
_STEPS = 3000
"""Steps that a trial should have."""
_LARGEST_BATCH = {"cpu": 256, "cuda": 512}
_LARGEST_IMAGE = {"cpu": 64, "cuda": 224}
_EPOCHS = {"cpu": (20, 60), "cuda": (30, 150)}


@dataclass(frozen=True)
class Facts:
    """The data and the machine."""

    data: dict[str, Any]
    """The `data` section as far as it is known."""
    found: FoundLeaves
    device: str
    """`cuda`, or `cpu`."""
    cpus: int
    short_side: int | None = None
    """Median of images' shorter sides, in pixels; None for other samples."""
    grey: bool = False
    """Whether all images have one channel."""
    notes: tuple[str, ...] = field(default=())

    @property
    def levels(self) -> int:
        return len(self.found.level_names)

    @property
    def imbalance(self) -> dict[str, float]:
        """Samples of the largest class of a level by those of its smallest, in train, by level."""
        return imbalances(self.found)

    @property
    def train_samples(self) -> int:
        """Samples to train on, once the splits that are not given have been drawn."""
        drawn = 0.8 ** sum(split not in self.found.counts for split in ("val", "test"))
        return max(2, int(self.found.totals["train"] * drawn))


@dataclass(frozen=True)
class Settings:
    """The values of the file that were chosen."""

    batch: int
    epochs: int
    every: int
    image_size: int | None = None


def choose(facts: Facts) -> Settings:
    """Values that suit the data: a few thousand steps, images no larger than they are."""
    samples = facts.train_samples
    batch = 2 ** int(math.log2(min(_LARGEST_BATCH[facts.device], max(8, samples // 4))))
    low, high = _EPOCHS[facts.device]
    epochs = min(high, max(low, 5 * round(_STEPS * batch / samples / 5)))
    size = None if facts.short_side is None else _image_size(facts.short_side, _LARGEST_IMAGE[facts.device])
    return Settings(batch, epochs, max(1, epochs // 10), size)


def imbalances(found: FoundLeaves) -> dict[str, float]:
    """Largest class by smallest in train, by level; classes that train lacks are left out."""
    ratios = {}
    for level, name in enumerate(found.level_names):
        counts: dict[tuple[str, ...], int] = {}
        for path, count in zip(found.leaf_paths, found.counts["train"], strict=True):
            counts[path[: level + 1]] = counts.get(path[: level + 1], 0) + count
        there = [count for count in counts.values() if count]
        ratios[name] = max(there) / min(there) if there else 1.0
    return ratios


def _image_size(side: int, largest: int) -> int:
    fitting = [size for size in _SIZES if size <= min(side, largest)]
    return fitting[-1] if fitting else max(8, side - side % 4)


def with_data(section: Mapping[str, Any], facts: Facts, settings: Settings) -> dict[str, Any]:
    """The `data` section of the file; what was given stays."""
    chosen: dict[str, Any] = {}
    if settings.image_size is not None:
        chosen = {"image_size": settings.image_size, **({"channels": 1} if facts.grey else {})}
    if section["kind"] in ("mesh-folder", "point-folder"):
        chosen = {"num_points": 1024 if facts.device == "cuda" else 512}
    return {**section, **{key: value for key, value in chosen.items() if key not in section}}
