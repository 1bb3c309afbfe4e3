"""Image files, decoded once into memory."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps

from hmlc_ray.data.base import Split
from hmlc_ray.errors import DataError

ByteArray = npt.NDArray[np.uint8]
OnBadFile = Literal["error", "skip"]
_LOG = logging.getLogger(__name__)
_BLOCK = 32  # images a thread decodes in one go: with one at a time, small images wait for the GIL
_BROKEN = (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning)


def read_images(
    files: Sequence[Path], leaf: npt.ArrayLike, *, channels: Literal[1, 3], size: int, on_bad_file: OnBadFile
) -> Split:
    """A split from image files and their leaves, int64 [files]; unreadable ones are left out where that is allowed.

    Raises:
        DataError: see `decode_all`.
    """
    images, readable = decode_all(files, channels, size, on_bad_file)
    return Split(torch.from_numpy(images), torch.from_numpy(np.asarray(leaf, dtype=np.int64)[readable]))


def decode_all(
    files: Sequence[Path], channels: Literal[1, 3], size: int, on_bad_file: OnBadFile
) -> tuple[ByteArray, npt.NDArray[np.bool_]]:
    """Decode in threads: the decoder and the resampler release the GIL.

    Returns:
        uint8 [readable files, channels, size, size], in the order given, and bool [files]: which could be read.

    Raises:
        DataError: naming the first file that cannot be read; with `on_bad_file: skip` a warning counts them instead.
    """
    images = np.empty((len(files), channels, size, size), dtype=np.uint8)
    problems: dict[int, str] = {}

    def decode_block(start: int) -> dict[int, str]:
        rows = range(start, min(start + _BLOCK, len(files)))
        found = {row: _decode_into(files[row], images[row], size) for row in rows}
        return {row: problem for row, problem in found.items() if problem}

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(decode_block, range(0, len(files), _BLOCK)):
            problems |= found
            if problems and on_bad_file == "error":
                raise DataError(next(iter(problems.values())) + "; repair it, remove it, or set data.on_bad_file: skip")
    readable = np.ones(len(files), dtype=np.bool_)
    if problems:
        readable[list(problems)] = False
        first = next(iter(problems.values()))
        _LOG.warning("%d of %d images were skipped; the first: %s", len(problems), len(files), first)
        images = images[readable]
    return images, readable


def _decode_into(file: Path, target: ByteArray, size: int) -> str | None:
    """Fill `target`, [channels, size, size]; returns what was wrong with the file, if anything."""
    try:
        target[:] = decode(file, len(target), size)
    except _BROKEN as error:
        return f"cannot read the image {str(file)!r} ({type(error).__name__}: {error})"
    return None


def decode(file: Path, channels: int, size: int) -> ByteArray:
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
