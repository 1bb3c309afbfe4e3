"""Sampled clouds on disk: written once on a machine, mapped into memory by every process that trains on them.

```
cache/points-<key>/
  points.npy     float32 [N, points, channels]
  meta.json      format version, version of what made it, shape, what is wrong with which row
```
The key is of the content of the files and every setting.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy

from hmlc_ray.errors import DataError, system_reason
from hmlc_ray.files.disk_cache import open_entry, written
from hmlc_ray.home import CACHE_VARIABLE, cache_folder
from hmlc_ray.meshes.sample import Cloud

VERSION = 1
"""Version of the files here and of all that decides what a cloud is: it is part of every key."""
Shape = tuple[int, int, int]
_META, _POINTS = "meta.json", "points.npy"


class Block(NamedTuple):
    """Rows that were made together."""

    clouds: Cloud
    """float32 [n, points, channels]; zeros where a row has a problem."""
    problems: dict[int, str]
    """Values by the row's number in the whole array."""


class Stored(NamedTuple):
    """An array and what is known of it."""

    clouds: Cloud
    """float32 [N, points, channels], mapped: pages are read when they are used, and shared between processes."""
    problems: dict[int, str]
    """Rows without meaning, with the reasons."""


def open_stored(key: str, shape: Shape, make: Callable[[], Iterable[Block]], maker: int = 0) -> Stored:
    """The array of a key; if there is none that is whole, `make` gives its blocks, in order.

    Many processes may ask at once: one makes it, the others wait for that one.

    Args:
        maker: version of `make`; what another version made is made again, under the same key, so that the fingerprint
            of a set stays what it was.

    Raises:
        DataError: if the cache cannot be written, for want of room for example. Nothing half-written is left then.
    """
    folder = cache_folder() / f"points-{key}"
    size = int(np.prod(shape)) * 4
    try:
        return open_entry(
            folder, lambda entry: _read(entry, shape, maker), lambda entry: _write(entry, shape, make, maker), size=size
        )
    except OSError as error:
        raise DataError(
            f"the point clouds, {size / 1e6:.1f} MB, cannot be written to {str(folder.parent)!r} "
            f"({system_reason(error)}); make room, or name another folder by {CACHE_VARIABLE}"
        ) from error


def _read(folder: Path, shape: Shape, maker: int) -> Stored | None:
    """The array, or None where there is none, or one that is cut off or of another version."""
    try:
        meta = json.loads((folder / _META).read_text(encoding="utf-8"))
        if (meta["version"], meta.get("maker", 0), tuple(meta["shape"])) != (VERSION, maker, shape):
            return None
        # Copy on write, since torch has no read-only tensors: the file itself cannot be changed through it.
        clouds = np.load(folder / _POINTS, mmap_mode="c", allow_pickle=False)
        whole = clouds.shape == shape and clouds.dtype == np.float32
        return Stored(clouds, {int(row): str(text) for row, text in meta["problems"].items()}) if whole else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError):
        return None


def _write(folder: Path, shape: Shape, make: Callable[[], Iterable[Block]], maker: int) -> None:
    with written(folder / _POINTS) as file:
        problems = _fill(file, shape, make())
    meta = {"version": VERSION, "maker": maker, "shape": shape, "problems": problems}
    (folder / _META).write_text(json.dumps(meta), encoding="utf-8")


def _fill(file: BinaryIO, shape: Shape, blocks: Iterable[Block]) -> dict[int, str]:
    # Written and not mapped: writing to a map on a full disk ends the process.
    npy.write_array_header_2_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    problems: dict[int, str] = {}
    rows = 0
    for block in blocks:
        file.write(np.ascontiguousarray(block.clouds, dtype="<f4").tobytes())
        problems |= block.problems
        rows += len(block.clouds)
    assert rows == shape[0], "blocks hold every row once"
    return problems
