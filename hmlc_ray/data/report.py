"""What is in a data set: samples per class, level and split, imbalance, duplicates; and getting it ready."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from hmlc_ray.compute.devices import resolve_device
from hmlc_ray.config.data import DataConfig
from hmlc_ray.data import load_data
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.duplicates import count_duplicates
from hmlc_ray.data.loader import place_of
from hmlc_ray.data.pixel_cache import digests_of, discard
from hmlc_ray.home import cache_folder
from hmlc_ray.taxonomies.text import render_text, summarise


@dataclass(frozen=True)
class Prepared:
    """A data set that the trials of a study can open."""

    data: DataSet
    seconds: float
    new_entries: tuple[str, ...]
    """What was added to the cache; empty where nothing was left to do."""
    repaired: bool
    """Whether a damaged entry was thrown away and made again."""
    cache: Path

    def splits(self) -> dict[str, Split]:
        """The splits by name; without validation where that is part of train."""
        return splits_of(self.data)


def prepare(config: DataConfig) -> Prepared:
    """Fetch (where the configuration allows it), verify and decode a data set, ahead of whoever trains on it.

    What was decoded before is read in full and compared with the hashes of when it was decoded.

    Raises:
        DataError: see `load_data`.
    """
    start, before = time.monotonic(), _entries()
    data = load_data(config)
    repaired = not before.isdisjoint(_entries()) and not _intact(data)
    if repaired:
        discard(str(data.train.inputs_digest))
        data = load_data(config)
    new = tuple(sorted(_entries() - before))
    return Prepared(data, time.monotonic() - start, new, repaired, cache_folder())


def describe(data: DataSet) -> dict[str, Any]:
    """Plain values: `levels` with each class's samples per split, `imbalance` per level, `duplicates`, `fingerprint`,
    `notes`.

    The imbalance of a level is the largest number of training samples of a class by the smallest; null where a class
    has none.
    """
    counts = {name: data.taxonomy.class_counts(split.leaf.cpu().numpy()) for name, split in splits_of(data).items()}
    levels = [
        {
            "name": name,
            "classes": {
                label: {split: int(per_level[h][c]) for split, per_level in counts.items()}
                for c, label in enumerate(data.taxonomy.class_names[h])
            },
            "imbalance": _imbalance(counts["train"][h]),
        }
        for h, name in enumerate(data.taxonomy.level_names)
    ]
    return {
        "samples": {name: len(split) for name, split in splits_of(data).items()},
        "shape": list(data.input_shape),
        "levels": levels,
        "duplicates": {f"{one}/{other}": count for (one, other), count in count_duplicates(data).items()},
        "place": place_of(data, resolve_device("auto")),
        "fingerprint": data.fingerprint,
        "notes": list(data.notes),
    }


def draw_tree(data: DataSet, depth: int | None) -> str:
    """The tree with the samples of each class in every split, and a line that sums it up."""
    per_split = [data.taxonomy.class_counts(split.leaf.cpu().numpy()) for split in splits_of(data).values()]
    counts = [np.stack(level, axis=1) for level in zip(*per_split, strict=True)]
    tree = render_text(data.taxonomy, counts=counts, depth=depth)
    return f"{tree}\n{summarise(data.taxonomy)}\nin brackets: samples of {' / '.join(splits_of(data))}"


def splits_of(data: DataSet) -> dict[str, Split]:
    """The splits by name; without validation where that is part of train."""
    splits = {"train": data.train, "val": data.val, "test": data.test}
    return {name: split for name, split in splits.items() if split is not None}


def all_splits(data: DataSet) -> dict[str, Split]:
    """The splits by name, and those of the open set as `oos_val` and `oos_test`."""
    return splits_of(data) | {f"oos_{name}": split for name, split in data.open_set.items()}


def _imbalance(counts: np.ndarray[Any, Any]) -> float | None:
    return float(counts.max() / counts.min()) if counts.min() else None


def _entries() -> set[str]:
    folder = cache_folder()
    return {path.name for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else set()


def _intact(data: DataSet) -> bool:
    """Whether the samples of the cache are those that were hashed; true of what is not in the cache."""
    split = data.train
    if split.digests is None or not isinstance(split.inputs, Tensor):
        return True
    return np.array_equal(digests_of(split.inputs.numpy()), split.digests)
