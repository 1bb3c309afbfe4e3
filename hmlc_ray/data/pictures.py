"""Pictures of samples: images as they are, clouds seen from the front, rows of features as pixels."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Picture = npt.NDArray[np.uint8]
"""RGB uint8 [height, width, 3]."""
_CLOUD_SIDE = 96


def picture_of(sample: Tensor) -> Picture:
    """A picture of one sample as encoders take it: an image in [-1, 1], a point cloud, or standardised features."""
    return {3: _image, 2: _cloud, 1: _row}[sample.ndim](sample)


def _image(sample: Tensor) -> Picture:
    pixels = ((sample + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    return np.broadcast_to(pixels, (*pixels.shape[:2], 3))


def _cloud(sample: Tensor) -> Picture:
    """Points [n, channels] seen from the front, x to the right and z upwards; near ones are darker."""
    x, y, z = sample[:, :3].clamp(-1, 1).numpy().T
    column, row = (((axis + 1) / 2 * (_CLOUD_SIDE - 1)).astype(int) for axis in (x, -z))
    pixels = np.full((_CLOUD_SIDE, _CLOUD_SIDE), 255, dtype=np.uint8)
    np.minimum.at(pixels, (row, column), ((y + 1) * 80).astype(np.uint8))
    return pixels[..., None].repeat(3, axis=2)


def _row(sample: Tensor) -> Picture:
    """Standardised features, float [D], a pixel each, line by line: from -3 in black to 3 in white."""
    side = ceil(sqrt(len(sample)))
    pixels = np.full(side * side, 128, dtype=np.uint8)
    pixels[: len(sample)] = ((sample.clamp(-3, 3) + 3) / 6 * 255).round().to(torch.uint8).numpy()
    return pixels.reshape(side, side, 1).repeat(3, axis=2)
