"""A folder of labelled images, decoded once into memory."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps

from hmlc_ray.config.data import ImageFolderConfig
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.splits import divide
from hmlc_ray.errors import ConfigError, DataError
from hmlc_ray.folders import scan_folder
from hmlc_ray.taxonomy import Taxonomy

ByteArray = npt.NDArray[np.uint8]
_LOG = logging.getLogger(__name__)
_BLOCK = 32  # images a thread decodes in one go: with one at a time, small images wait for the GIL
_BROKEN = (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning)


def load(config: ImageFolderConfig) -> DataSet:
    """Images as uint8 [N, channels, image_size, image_size], leaves in the order of their folders.

    Splits that the folder gives (`train`, `val`, `test`) are kept; the others are drawn from `train`.

    Raises:
        DataError: see `scan_folder`; if an image cannot be read and `on_bad_file` is `error`; if too few are left.
        TaxonomyError: see `scan_folder`.
        ConfigError: if `level_names` does not hold one name per level.
    """
    tree = scan_folder(config.root)
    if config.level_names is not None and len(config.level_names) != tree.depth:
        raise ConfigError(f"data.level_names holds {len(config.level_names)} names, but there are {tree.depth} levels")
    taxonomy = Taxonomy.from_paths(config.level_names or tree.level_names, tree.leaf_paths)
    splits = {name: _read_split(files, config) for name, files in tree.files.items()}
    return divide(config, taxonomy, splits["train"], splits.get("val"), splits.get("test"))


def _read_split(files: Sequence[Sequence[Path]], config: ImageFolderConfig) -> Split:
    counts = [len(leaf_files) for leaf_files in files]
    images, readable = decode_all(
        list(chain.from_iterable(files)), config.channels, config.image_size, config.on_bad_file
    )
    leaf = np.repeat(np.arange(len(files)), counts)
    return Split(torch.from_numpy(images), torch.from_numpy(leaf[readable]))


def decode_all(
    files: Sequence[Path], channels: Literal[1, 3], size: int, on_bad_file: Literal["error", "skip"]
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
