"""Image files to pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from hmlc_ray.arrays import ByteArray
from hmlc_ray.data.decode import BY_DEFAULT, Reading, decode
from hmlc_ray.data.embedded import ImageSource
from hmlc_ray.data.intensities import BadImage
from hmlc_ray.data.pillow_limits import lifted_limits
from hmlc_ray.errors import DataError, system_reason
from hmlc_ray.machine.cpus import usable_cpus

_BLOCK = 32  # images a thread decodes in one go: with one at a time, small images wait for the GIL
_WINDOW = 64  # blocks under way: bounds the memory of what is decoded but not yet taken
_FLAT = 16  # of 255: an image whose pixels differ by less shows nothing


@dataclass(frozen=True)
class Block:
    """Images decoded together."""

    start: int
    """Number of the first file."""
    images: ByteArray
    """uint8 [n, channels, size, size]; the pixels of a file that cannot be read are meaningless."""
    problems: dict[int, str] = field(default_factory=dict)
    """What is wrong with a file, by its number."""

    def flat(self) -> list[int]:
        """Numbers of the files that were read and have nearly one brightness everywhere."""
        rows = self.images.reshape(len(self.images), -1)
        found = np.flatnonzero(rows.max(axis=1) - rows.min(axis=1) < _FLAT) + self.start
        return [row for row in found.tolist() if row not in self.problems]


def decode_blocks(
    files: Sequence[ImageSource], channels: int, size: int, reading: Reading = BY_DEFAULT
) -> Iterator[Block]:
    """Decode in threads, in the order given: the decoder and the resampler release the GIL."""

    def decode_block(start: int) -> Block:
        rows = range(start, min(start + _BLOCK, len(files)))
        images = np.zeros((len(rows), channels, size, size), dtype=np.uint8)
        found = {row: _decode_into(files[row], images[row - start], size, reading) for row in rows}
        return Block(start, images, {row: problem for row, problem in found.items() if problem})

    with lifted_limits(), ThreadPoolExecutor(usable_cpus()) as pool:
        for first in range(0, len(files), _BLOCK * _WINDOW):
            last = min(first + _BLOCK * _WINDOW, len(files))
            yield from pool.map(decode_block, range(first, last, _BLOCK))


def _decode_into(file: ImageSource, target: ByteArray, size: int, reading: Reading) -> str | None:
    """Fill `target`, [channels, size, size]; returns what was wrong with the file, if anything."""
    try:
        target[:] = decode(file, len(target), size, reading)
    except BadImage as error:
        return f"cannot read the image {str(file)!r}: {error}"
    except (FileNotFoundError, PermissionError) as error:
        return f"cannot read the image {str(file)!r}: {system_reason(error)}"
    except Exception as error:  # decoders meet arbitrary bytes here, and fail in as many ways
        reason = " ".join(str(error).split())[:200]
        kind = type(error).__name__
        return f"cannot read the image {str(file)!r} ({f'{kind}: {reason}' if reason else kind})"
    return None


class ImageFiles:
    """Images that stay in their files and are decoded whenever they are asked for; looks like a uint8 tensor."""

    dtype = torch.uint8
    device = torch.device("cpu")

    def __init__(
        self, files: Sequence[ImageSource], channels: int, size: int, workers: int, reading: Reading = BY_DEFAULT
    ) -> None:
        self.files = list(files)
        self.reading = reading
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
        blocks = list(decode_blocks(files, self.shape[1], self.shape[2], self.reading))
        for block in blocks:
            if block.problems:
                raise DataError(next(iter(block.problems.values())) + "; it could be read before")
        return torch.from_numpy(np.concatenate([block.images for block in blocks]))
