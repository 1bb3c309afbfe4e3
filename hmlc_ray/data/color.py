"""Colour jitter and grayscale, drawn per sample and applied to the whole batch.

The operations are those of torchvision's ColorJitter and RandomGrayscale, order included: brightness, contrast,
saturation and hue in a random order that differs from sample to sample.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hmlc_ray.config.data import ViewsConfig

_LUMA = (0.2989, 0.587, 0.114)  # ITU-R BT.601
_BRIGHTNESS, _CONTRAST, _SATURATION, _HUE = range(4)
_RELATIVE, _TURN = 0.8, 0.2


def recolor(images: Tensor, config: ViewsConfig, generator: torch.Generator) -> Tensor:
    """Colour jitter, then grayscale, each with its probability; float [n, C, height, width] in [0, 1], C 1 or 3."""
    count, channels = images.shape[:2]
    if config.color_jitter:
        images = _jitter(images, config, generator)
    if config.grayscale:
        rows = (torch.rand(count, generator=generator) < config.grayscale).nonzero().flatten().to(images.device)
        if channels == len(_LUMA):
            images = images.index_copy(0, rows, luma(images[rows]).expand(-1, channels, -1, -1))
    return images


def _jitter(images: Tensor, config: ViewsConfig, generator: torch.Generator) -> Tensor:
    count, strength = len(images), config.color_jitter
    jittered = torch.rand(count, generator=generator) < config.color_jitter_probability
    order = torch.rand(count, 4, generator=generator).argsort(dim=1)
    order[~jittered] = -1
    low = max(0.0, 1 - _RELATIVE * strength)
    factors = low + torch.rand(count, 3, generator=generator) * (1 + _RELATIVE * strength - low)
    turns = (torch.rand(count, generator=generator) * 2 - 1) * (_TURN * strength)
    for place in range(4):
        images = _blend(images, _weights(order[:, place], factors).to(images.device))
        rows = (order[:, place] == _HUE).nonzero().flatten()
        if images.shape[1] == len(_LUMA) and len(rows):
            device_rows = rows.to(images.device)
            images[device_rows] = rotate_hue(images[device_rows], turns[rows].to(images.device))
    return images


def _weights(operation: Tensor, factors: Tensor) -> Tensor:
    """What brightness, contrast and saturation make of a pixel: weights of itself, its luma and the mean luma, [3, n].

    Args:
        operation: int64 [n], one per sample; any other value leaves the sample as it is.
        factors: float [n, 3].
    """
    weights = torch.zeros(3, len(operation))
    weights[0] = 1
    for kind, other in ((_BRIGHTNESS, None), (_CONTRAST, 2), (_SATURATION, 1)):
        rows = operation == kind
        weights[0, rows] = factors[rows, kind]
        if other is not None:
            weights[other, rows] = 1 - factors[rows, kind]
    return weights


def _blend(images: Tensor, weights: Tensor) -> Tensor:
    own, gray, mean = weights.view(3, -1, 1, 1, 1)
    grays = luma(images)
    shift = gray * grays + mean * grays.mean(dim=(2, 3), keepdim=True)
    blended: Tensor = (own * images).add_(shift).clamp_(0, 1)
    return blended


def luma(images: Tensor) -> Tensor:
    """[n, 3, height, width] to [n, 1, height, width]; one channel is its own luma."""
    if images.shape[1] != len(_LUMA):
        return images
    red, green, blue = images.unbind(1)
    return (red * _LUMA[0]).add_(green, alpha=_LUMA[1]).add_(blue, alpha=_LUMA[2]).unsqueeze(1)


def rotate_hue(images: Tensor, turns: Tensor) -> Tensor:
    """Turn the hue of each image by a share of the circle: float [n, 3, height, width] in [0, 1], turns [n].

    A channel of the HSV cylinder is value - chroma * clamp(min(k, 4 - k), 0, 1), where k is its distance on the hue
    circle of six sectors, so saturation is never divided out and multiplied in again.
    """
    red, green, blue = images.unbind(1)
    value, chroma = images.amax(1), images.amax(1) - images.amin(1)
    safe = chroma.clamp_min(torch.finfo(images.dtype).tiny)
    sector = torch.where(value == green, 2 + (blue - red) / safe, 4 + (red - green) / safe)
    sector = torch.where(value == red, (green - blue) / safe, sector)
    sector = sector + 6 * turns.view(-1, 1, 1)
    offsets = torch.tensor((5.0, 3.0, 1.0), device=images.device).view(1, 3, 1, 1)
    k = torch.remainder(sector.unsqueeze(1) + offsets, 6)
    return value.unsqueeze(1) - chroma.unsqueeze(1) * torch.minimum(k, 4 - k).clamp_(0, 1)
