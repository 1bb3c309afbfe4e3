"""From stored samples to what an encoder takes: the one module that scales pixels."""

from __future__ import annotations

import torch
from torch import Tensor


def to_unit(inputs: Tensor) -> Tensor:
    """uint8 intensities 0..255 to float32 in [0, 1]; floats pass through."""
    return inputs if inputs.is_floating_point() else inputs.float().div_(255)


def centre(images: Tensor, out: Tensor | None = None) -> Tensor:
    """Intensities in [0, 1] to [-1, 1]: (x - 0.5) / 0.5 for every data set, so that none's statistics are needed."""
    return torch.mul(images, 2, out=out).sub_(1)


def to_encoder_input(inputs: Tensor) -> Tensor:
    """Stored images, uint8 [n, C, height, width], to the float32 in [-1, 1] that encoders take; no augmentation.

    What is stored as floats (point clouds) is stored as encoders take it.
    """
    return inputs if inputs.is_floating_point() else centre(to_unit(inputs))
