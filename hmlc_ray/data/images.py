"""Image files to pixels."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps
from torch import Tensor

from hmlc_ray.data.image_plugins import register_plugins
from hmlc_ray.errors import DataError

register_plugins()

ByteArray = npt.NDArray[np.uint8]
_BLOCK = 32  # images a thread decodes in one go: with one at a time, small images wait for the GIL
_WINDOW = 64  # blocks under way: bounds the memory of what is decoded but not yet taken
_BROKEN = (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning)


@dataclass(frozen=True)
class Block:
    """Images decoded together."""

    start: int
    """Number of the first file."""
    images: ByteArray
    """uint8 [n, channels, size, size]; what lies in the place of a file that cannot be read means nothing."""
    problems: dict[int, str] = field(default_factory=dict)
    """What is wrong with a file, by its number."""


def decode_blocks(files: Sequence[str | Path], channels: int, size: int) -> Iterator[Block]:
    """Decode in threads, in the order given: the decoder and the resampler release the GIL."""

    def decode_block(start: int) -> Block:
        rows = range(start, min(start + _BLOCK, len(files)))
        images = np.zeros((len(rows), channels, size, size), dtype=np.uint8)
        found = {row: _decode_into(files[row], images[row - start], size) for row in rows}
        return Block(start, images, {row: problem for row, problem in found.items() if problem})

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for first in range(0, len(files), _BLOCK * _WINDOW):
            last = min(first + _BLOCK * _WINDOW, len(files))
            yield from pool.map(decode_block, range(first, last, _BLOCK))


def _decode_into(file: str | Path, target: ByteArray, size: int) -> str | None:
    """Fill `target`, [channels, size, size]; returns what was wrong with the file, if anything."""
    try:
        target[:] = decode(file, len(target), size)
    except _BROKEN as error:
        return f"cannot read the image {str(file)!r} ({type(error).__name__}: {error})"
    return None


def decode(file: str | Path, channels: int, size: int) -> ByteArray:
    """One image, upright (EXIF), resized on the short side and cropped at the centre: [channels, size, size].

    Raises:
        OSError, SyntaxError, ValueError, Image.DecompressionBombError: as Pillow does, if it is no intact image.
    """
    mode = "L" if channels == 1 else "RGB"
    with Image.open(file) as image:
        image.draft(mode, (size, size))  # a large JPEG is decoded at a smaller scale, never below `size`
        upright = ImageOps.exif_transpose(image)
        plain = _to_mode(upright, mode)
    fitted = ImageOps.fit(plain, (size, size), method=Image.Resampling.BILINEAR)
    return np.atleast_3d(np.asarray(fitted)).transpose(2, 0, 1)


def _to_mode(image: Image.Image, mode: str) -> Image.Image:
    if image.mode.startswith("I;16"):  # Pillow would clip 16-bit intensities at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode == "P":  # a palette may hold transparency, which only RGBA can
        image = image.convert("RGBA")
    return image.convert(mode)


class ImageFiles:
    """Images that stay in their files and are decoded whenever they are asked for; looks like a uint8 tensor."""

    dtype = torch.uint8
    device = torch.device("cpu")

    def __init__(self, files: Sequence[str], channels: int, size: int, workers: int) -> None:
        self.files = list(files)
        self.workers = workers
        """Processes that decode batches for training."""
        self.shape = torch.Size((len(files), channels, size, size))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: Tensor | slice) -> Tensor:
        """uint8 [n, channels, size, size].

        Raises:
            DataError: if a file changed so that it cannot be read any more.
        """
        files = self.files[index] if isinstance(index, slice) else [self.files[row] for row in index.tolist()]
        blocks = list(decode_blocks(files, *self.shape[1:3]))
        for block in blocks:
            if block.problems:
                raise DataError(next(iter(block.problems.values())) + "; it could be read before")
        return torch.from_numpy(np.concatenate([block.images for block in blocks]))
