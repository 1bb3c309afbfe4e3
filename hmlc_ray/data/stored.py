"""Splits of image files, kept where `data.cache` says: in memory, in a mapped file, or in their own files."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import psutil
import torch

from hmlc_ray.arrays import IntArray
from hmlc_ray.config.data import StoredSection
from hmlc_ray.data.base import Inputs, Split, relative_paths
from hmlc_ray.data.decode import Reading
from hmlc_ray.data.embedded import EmbeddedImage, ImageSource
from hmlc_ray.data.images import ImageFiles
from hmlc_ray.data.pixel_cache import Entry, ImageSet, is_cached, open_images
from hmlc_ray.home import cache_folder

Kept = Literal["memory", "disk", "none"]
_LOG = logging.getLogger(__name__)
_MEMORY_SHARE = 0.25
_DISK_SHARE = 0.9
_FLAT = (
    "%d of %d images show nothing, since all their pixels have nearly one brightness; the first: %r "
    "(transparent pixels show data.background, white by default; with more than 8 bits per pixel, data.value_range "
    "sets which values are black and white)"
)


@dataclass(frozen=True)
class Listing:
    """The files of a split and their leaves."""

    files: Sequence[ImageSource]
    leaf: IntArray
    """int64 [files]."""


def read_splits(listings: Mapping[str, Listing], config: StoredSection, root: Path, channels: int) -> dict[str, Split]:
    """Splits of image files, decoded as `config` says; unreadable files are left out where that is allowed.

    All splits lie in one cache entry, which no later process has to decode again.

    Args:
        root: of the data; names in the cache's key are relative to it.

    Raises:
        DataError: see `open_images`.
    """
    files = list(chain.from_iterable(listing.files for listing in listings.values()))
    images = ImageSet(root, files, channels, config.image_size, Reading.of(config))
    kept = _keeping(config, images)
    entry = open_images(images, pixels=kept != "none", strict=config.on_bad_file == "error")
    if entry.problems:
        first = entry.problems[min(entry.problems)]
        _LOG.warning("%d of %d images were skipped; the first: %s", len(entry.problems), len(files), first)
    if entry.flat:
        _LOG.warning(_FLAT, len(entry.flat), len(files), str(files[entry.flat[0]]))
    paths = relative_paths((Path(str(file)) for row, file in enumerate(files) if row not in entry.problems), root)
    inputs = _inputs(entry, images, kept, config.decode_workers)
    return _divided(listings, entry, inputs, paths, mapped=kept == "disk")


def _keeping(config: StoredSection, images: ImageSet) -> Kept:
    """Where the images are kept: as `cache` says, and with `auto` in the fastest storage that holds them."""
    if config.cache != "auto":
        return "memory" if config.cache == "device" else config.cache
    size = len(images.files) * images.image_bytes
    if size <= _MEMORY_SHARE * psutil.virtual_memory().available:
        return "memory"
    if is_cached(images, pixels=True) or size <= _DISK_SHARE * psutil.disk_usage(str(_existing(cache_folder()))).free:
        return "disk"
    return "none"


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)


def _inputs(entry: Entry, images: ImageSet, kept: Kept, workers: int) -> Inputs:
    if kept == "none":
        readable = [
            file if isinstance(file, EmbeddedImage) else str(file)
            for row, file in enumerate(images.files)
            if row not in entry.problems
        ]
        return ImageFiles(readable, images.channels, images.size, workers, images.reading)
    return entry.images() if kept == "disk" else entry.images().clone()


def _divided(
    listings: Mapping[str, Listing], entry: Entry, inputs: Inputs, paths: tuple[str, ...], *, mapped: bool
) -> dict[str, Split]:
    """Each split's rows of the one array; files that cannot be read have none."""
    total = sum(len(listing.files) for listing in listings.values())
    readable = np.ones(total, dtype=np.bool_)
    readable[list(entry.problems)] = False
    splits, start, row = {}, 0, 0
    for name, listing in listings.items():
        good = readable[start : start + len(listing.files)]
        count = int(good.sum())
        leaf = torch.from_numpy(np.asarray(listing.leaf, dtype=np.int64)[good])
        rows = torch.arange(row, row + count)
        splits[name] = Split(inputs, leaf, rows, entry.fingerprint, entry.digests, paths, mapped=mapped)
        start, row = start + len(listing.files), row + count
    return splits
