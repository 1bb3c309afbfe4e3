"""Which columns of a Hugging Face data set hold the images and the levels, by their types and classes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hmlc_ray.folders.hf_dataset import HfSplit, open_splits
from hmlc_ray.folders.hf_labels import holds_classes, holds_images

_SAMPLES_PER_CLASS = 3
"""Texts and integers with fewer rows for each value than this are names or numbers of rows, and no classes."""


def propose_columns(root: Path) -> dict[str, Any]:
    """The keys `image` and `levels` of a configuration, as far as columns show them.

    The finest level is the class label with most classes, or where there are no class labels the text or integer with
    most values that repeat. Above it are the columns, coarsest first, that have one value for each class of the next.

    Raises:
        DataError, ConfigError: see `open_splits`.
    """
    split = open_splits(root, "auto")["train"]
    images = [name for name, feature in split.features.items() if holds_images(feature)]
    levels = _levels(split)
    return {**({"image": images[0]} if images else {}), **({"levels": levels} if levels else {})}


def _levels(split: HfSplit) -> list[str]:
    values = {
        name: split.column(name).to_pylist() for name, feature in split.features.items() if holds_classes(feature)
    }
    counts = {name: len(set(own)) for name, own in values.items()}
    repeating = [name for name, count in counts.items() if 1 < count * _SAMPLES_PER_CLASS <= len(split)]
    labels = [name for name in counts if type(split.features[name]).__name__ == "ClassLabel"]
    finest = max(labels or repeating, key=lambda name: counts[name], default=None)
    if finest is None:
        return []
    levels = [finest]
    for name in sorted(repeating, key=lambda name: counts[name], reverse=True):
        above = len({*zip(values[levels[0]], values[name], strict=True)}) == counts[levels[0]]
        if above and 1 < counts[name] < counts[levels[0]]:
            levels.insert(0, name)
    return levels
