"""Colour jitter and grayscale, drawn per sample and applied to the whole batch.

The operations are those of torchvision's ColorJitter and RandomGrayscale, order included: brightness, contrast,
saturation and hue in a random order that differs from sample to sample.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hmlc_ray.config.data import ViewsConfig
from hmlc_ray.data.transfer import to_device

_LUMA = (0.2989, 0.587, 0.114)  # ITU-R BT.601
_BRIGHTNESS, _CONTRAST, _SATURATION, _HUE = range(4)
_RELATIVE, _TURN = 0.8, 0.2


def recolor(images: Tensor, config: ViewsConfig, generator: torch.Generator) -> Tensor:
    """Colour jitter, then grayscale, each with its probability.

    Args:
        images: float [n, C, height, width] in [0, 1], C 1 or 3; they may be changed in place.
    """
    count, channels = images.shape[:2]
    if config.color_jitter:
        images = _jitter(images, config, generator)
    if config.grayscale:
        chosen = (torch.rand(count, generator=generator) < config.grayscale).nonzero().flatten()
        if channels == len(_LUMA):
            rows = to_device(chosen, images.device)
            images.index_copy_(0, rows, luma(images[rows]).expand(-1, channels, -1, -1))
    return images


def _jitter(images: Tensor, config: ViewsConfig, generator: torch.Generator) -> Tensor:
    count, strength = len(images), config.color_jitter
    jittered = torch.rand(count, generator=generator) < config.color_jitter_probability
    order = torch.rand(count, 4, generator=generator).argsort(dim=1)
    low = max(0.0, 1 - _RELATIVE * strength)
    factors = low + torch.rand(count, 3, generator=generator) * (1 + _RELATIVE * strength - low)
    turns = (torch.rand(count, generator=generator) * 2 - 1) * (_TURN * strength)
    # Sorted by when their hue is turned, images that have an operation in common are neighbours: each operation is
    # done in place on a slice, and hue, the most expensive one, on all of them at once.
    hue_at = (order == _HUE).byte().argmax(dim=1)
    rows = torch.where(jittered, hue_at, -1).argsort(descending=True)
    order, last = order[rows], int(jittered.sum())
    operations = order[order != _HUE].view(count, 3)
    later = [int((hue_at[rows[:last]] > position).sum()) for position in range(3)]
    factors = factors[rows]
    before = [(slice(0, end), position) for position, end in enumerate(later)]
    after = [(slice(start, last), position) for position, start in enumerate(later)]
    weights = [_weights(operations[of, position], factors[of]) for of, position in before + after]
    # One copy for all that was drawn.
    drawn = to_device(torch.cat([turns[rows[:last]], *(each.flatten() for each in weights)]), images.device)
    turns, *there = torch.split(drawn, [last, *(each.numel() for each in weights)])
    order_and_back = to_device(torch.stack([rows, rows.argsort()]), images.device)
    images = images[order_and_back[0]]
    for (of, _), each in zip(before, there[:3], strict=True):
        _apply(images[of], each)
    if images.shape[1] == len(_LUMA):
        images[:last] = rotate_hue(images[:last], turns)
    for (of, _), each in zip(after, there[3:], strict=True):
        _apply(images[of], each)
    return images[order_and_back[1]]


def _apply(images: Tensor, weights: Tensor) -> None:
    """One operation on each image, in place; `weights` as `_weights` gives them, flat."""
    if len(images):
        _blend(images, weights, out=images)


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


def _blend(images: Tensor, weights: Tensor, out: Tensor | None = None) -> Tensor:
    own, gray, mean = weights.view(3, -1, 1, 1, 1)
    grays = luma(images)
    shift = torch.addcmul(mean * grays.mean(dim=(2, 3), keepdim=True), gray, grays)
    blended: Tensor = torch.addcmul(shift, own, images, out=out).clamp_(0, 1)
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
    value = torch.maximum(torch.maximum(red, green), blue)
    chroma = value - torch.minimum(torch.minimum(red, green), blue)
    scale = chroma.clamp_min(torch.finfo(images.dtype).eps).reciprocal_()
    sector = (red - green).mul_(scale).add_(4)
    # lerp with weights 0 and 1 chooses as `where` does, in a third of the time
    sector.lerp_((blue - red).mul_(scale).add_(2), (value == green).to(images.dtype))
    sector.lerp_((green - blue).mul_(scale), (value == red).to(images.dtype)).add_(6 * turns.view(-1, 1, 1))
    # From k - 2 the nearest multiple of 6 is taken, so that |k - 2| is a distance on the circle: where it is
    # above 2 the channel is at its largest, as it is where min(k, 4 - k) is below 0.
    offsets = torch.arange(3.0, -2.0, -2.0, device=images.device).view(1, 3, 1, 1)
    k = sector.unsqueeze(1) + offsets
    k = k.sub_((k / 6).round_(), alpha=6).abs_().neg_().add_(2).clamp_(0, 1)
    return torch.addcmul(value.unsqueeze(1), chroma.unsqueeze(1), k, value=-1)
