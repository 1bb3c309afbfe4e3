"""Decoded images on disk: written once on a machine, mapped into memory by every process that trains on them.

```
cache/images-<key>/
  meta.json      format version, shape, files that cannot be read; written last
  digests.bin    16 bytes per image: BLAKE2b of its pixels
  images.bin     the pixels, uint8 [N, channels, size, size]; missing where only the digests are kept
```
The key is a hash of the format, the settings and every file's name, size and time of change, so images that change
get another entry.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import PIL
import torch
from torch import Tensor

from hmlc_ray.arrays import ByteArray
from hmlc_ray.data.decode import BY_DEFAULT, Reading
from hmlc_ray.data.embedded import ImageSource, look_of_source
from hmlc_ray.data.images import Block, decode_blocks
from hmlc_ray.errors import DataError, system_reason
from hmlc_ray.files.disk_cache import open_entry, written
from hmlc_ray.folders.notes import SKIPPING
from hmlc_ray.home import CACHE_VARIABLE, cache_folder
from hmlc_ray.machine.activity import doing, step

VERSION = 2
"""Version of the files here and of how an image becomes pixels: it is part of every key."""
DIGEST_BYTES = 16
_META, _DIGESTS, _IMAGES = "meta.json", "digests.bin", "images.bin"


@dataclass(frozen=True)
class ImageSet:
    """Files and how they are decoded."""

    root: Path
    files: Sequence[ImageSource]
    channels: int
    size: int
    reading: Reading = BY_DEFAULT

    @property
    def image_bytes(self) -> int:
        return self.channels * self.size**2

    def key(self, *, pixels: bool) -> str:
        """Key of the entry that holds these images, or their digests alone."""
        settings = [VERSION, PIL.__version__, self.channels, self.size, list(self.reading), pixels]
        digest = hashlib.sha256(json.dumps(settings).encode())
        for file in self.files:
            name = os.path.relpath(str(file), self.root)
            digest.update(f"\0{name}\0{look_of_source(file)}".encode(errors="surrogateescape"))
        return digest.hexdigest()[:32]


@dataclass(frozen=True)
class Entry:
    """What is known of decoded images."""

    folder: Path
    shape: tuple[int, int, int, int]
    """Indices of the images that could be read."""
    problems: dict[int, str]
    """What is wrong with a file, by its number."""
    flat: list[int]
    """Numbers of the files whose pixels are all of nearly one brightness."""
    digests: ByteArray
    """uint8 [N, 16], of the images that could be read."""
    fingerprint: str
    """SHA-256 over the digests."""

    def images(self) -> Tensor:
        """uint8 [N, channels, size, size], mapped: pages are read when they are used, and shared between processes."""
        if not self.shape[0]:
            return torch.empty(self.shape, dtype=torch.uint8)
        # Copy on write, since torch has no read-only tensors: the file itself cannot be changed through it.
        return torch.from_numpy(np.memmap(self.folder / _IMAGES, np.uint8, "c", shape=self.shape))


class _Found(NamedTuple):
    """What decoding showed; see `Entry`."""

    problems: dict[int, str]
    flat: list[int]


def open_images(images: ImageSet, *, pixels: bool, strict: bool) -> Entry:
    """The entry of these images; decodes them if there is none that is whole.

    Args:
        pixels: keep the pixels, not the digests alone.
        strict: stop at a file that cannot be read.

    Raises:
        DataError: naming such a file; or if the cache cannot be written.
    """
    folder = _folder(images, pixels=pixels)
    try:
        entry = open_entry(
            folder,
            _read,
            lambda new: _build(new, images, pixels=pixels, strict=strict),
            size=len(images.files) * images.image_bytes if pixels else 0,
        )
    except OSError as error:
        raise DataError(
            f"the cache of decoded images in {str(folder.parent)!r} cannot be written ({system_reason(error)}); "
            f"make room, or name another folder by {CACHE_VARIABLE} (data.cache: none keeps no pixels there)"
        ) from error
    if strict:
        _refuse(entry.problems)
    return entry


def is_cached(images: ImageSet, *, pixels: bool) -> bool:
    """Whether the images need not be decoded again."""
    return _read(_folder(images, pixels=pixels)) is not None


def discard(fingerprint: str) -> None:
    """Remove the entries of a fingerprint; processes that have one open keep it until they end."""
    for folder in cache_folder().glob("images-*"):
        entry = _read(folder)
        if entry is not None and entry.fingerprint == fingerprint:
            shutil.rmtree(folder, ignore_errors=True)


def digests_of(samples: np.ndarray[Any, Any]) -> ByteArray:
    """A hash of each sample, uint8 [N, 16]: alike only for samples that are the same, byte for byte."""
    rows = np.ascontiguousarray(samples).reshape(len(samples), -1).view(np.uint8)
    joined = b"".join(hashlib.blake2b(row.data, digest_size=DIGEST_BYTES).digest() for row in rows)
    return np.frombuffer(joined, np.uint8).reshape(len(rows), DIGEST_BYTES)


def _folder(images: ImageSet, *, pixels: bool) -> Path:
    return cache_folder() / f"images-{images.key(pixels=pixels)}"


def _read(folder: Path) -> Entry | None:
    """The entry, or None where there is none, or one that is damaged or of another version."""
    try:
        meta = json.loads((folder / _META).read_text(encoding="utf-8"))
        if meta["version"] != VERSION:
            return None
        raw = (folder / _DIGESTS).read_bytes()
        shape = tuple(meta["shape"])
        entry = Entry(
            folder,
            shape,
            {int(row): text for row, text in meta["problems"].items()},
            [int(row) for row in meta["flat"]],
            np.frombuffer(raw, np.uint8).reshape(shape[0], DIGEST_BYTES),
            meta["fingerprint"],
        )
        whole = not meta["pixels"] or (folder / _IMAGES).stat().st_size == int(np.prod(shape))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return entry if whole and hashlib.sha256(raw).hexdigest() == entry.fingerprint else None


def _build(folder: Path, images: ImageSet, *, pixels: bool, strict: bool) -> None:
    with written(folder / _DIGESTS) as digests, written(folder / _IMAGES) as target:
        found = _fill(digests, target if pixels else None, images, strict=strict)
    if not pixels:
        (folder / _IMAGES).unlink()
    _write_meta(folder, images, found, pixels=pixels)


@step()
def _fill(digests: BinaryIO, target: BinaryIO | None, images: ImageSet, *, strict: bool) -> _Found:
    problems: dict[int, str] = {}
    flat: list[int] = []
    for block in decode_blocks(images.files, images.channels, images.size, images.reading):
        doing("decoding images", block.start, len(images.files))
        problems |= block.problems
        flat += block.flat()
        if strict:
            _refuse(problems)
        readable = _readable(block)
        digests.write(digests_of(readable).tobytes())
        if target is not None:
            target.write(readable.tobytes())
    return _Found(problems, flat)


def _readable(block: Block) -> ByteArray:
    if not block.problems:
        return block.images
    return np.delete(block.images, [row - block.start for row in block.problems], axis=0)


def _write_meta(folder: Path, images: ImageSet, found: _Found, *, pixels: bool) -> None:
    meta = {
        "version": VERSION,
        "shape": [len(images.files) - len(found.problems), images.channels, images.size, images.size],
        "pixels": pixels,
        "fingerprint": hashlib.sha256((folder / _DIGESTS).read_bytes()).hexdigest(),
        "problems": found.problems,
        "flat": found.flat,
    }
    (folder / _META).write_text(json.dumps(meta), encoding="utf-8")


def _refuse(problems: dict[int, str]) -> None:
    if problems:
        raise DataError(problems[min(problems)] + SKIPPING)
