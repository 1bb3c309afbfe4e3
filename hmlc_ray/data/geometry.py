"""Crop, flip and rotation in one resampling, drawn per sample and applied to the whole batch."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from hmlc_ray.config.data import ViewsConfig
from hmlc_ray.data.transfer import to_device

_ATTEMPTS = 10


def transform(images: Tensor, config: ViewsConfig, generator: torch.Generator) -> Tensor:
    """Random resized crop, then flip, then rotation of each image; bilinear, black where a rotation looks outside.

    Args:
        images: float [n, C, height, width].
        generator: on the CPU, whatever the images' device is: the same one draws the same views everywhere.
    """
    count, _, height, width = images.shape
    boxes = crop_boxes(count, (height, width), config.crop_scale, config.crop_ratio, generator)
    flipped = torch.rand(count, generator=generator) < config.flip
    degrees = (torch.rand(count, generator=generator) * 2 - 1) * config.rotation if config.rotation else None
    grid, inside = sampling_grid(boxes, flipped, degrees, (height, width), images.device)
    views = grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    return views if inside is None else views.mul_(inside.unsqueeze(1))


def crop_boxes(
    count: int,
    size: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
    generator: torch.Generator,
) -> Tensor:
    """Boxes of a random resized crop: int64 [count, 4], (top, left, height, width).

    The area's share is uniform in `scale`, the aspect ratio log-uniform in `ratio`. The first of ten draws that fits in
    the image is used; where none does, the largest centred box of an allowed ratio. (As in torchvision's
    RandomResizedCrop.)
    """
    height, width = size
    area, shape = torch.rand(2, count, _ATTEMPTS, generator=generator)
    area = (scale[0] + area * (scale[1] - scale[0])) * (height * width)
    shape = torch.exp(log(ratio[0]) + shape * (log(ratio[1]) - log(ratio[0])))
    heights, widths = torch.round(torch.sqrt(area / shape)), torch.round(torch.sqrt(area * shape))
    fits = (heights > 0) & (heights <= height) & (widths > 0) & (widths <= width)
    first = fits.byte().argmax(dim=1, keepdim=True)
    chosen = torch.cat([heights.gather(1, first), widths.gather(1, first)], dim=1)
    room = torch.tensor(size) - chosen
    corner = torch.floor(torch.rand(count, 2, generator=generator) * (room + 1)).clamp_(max=room)
    fallback = torch.tensor(_centred_box(size, ratio), dtype=torch.float32)
    return torch.where(fits.any(dim=1, keepdim=True), torch.cat([corner, chosen], dim=1), fallback).long()


def _centred_box(size: tuple[int, int], ratio: tuple[float, float]) -> tuple[int, int, int, int]:
    height, width = size
    if width / height < ratio[0]:
        height = round(width / ratio[0])
    elif width / height > ratio[1]:
        width = round(height * ratio[1])
    return (size[0] - height) // 2, (size[1] - width) // 2, height, width


def sampling_grid(
    boxes: Tensor, flipped: Tensor, degrees: Tensor | None, size: tuple[int, int], device: torch.device
) -> tuple[Tensor, Tensor | None]:
    """Where each pixel of a view comes from.

    Args:
        boxes: [n, 4], see `crop_boxes`. flipped: bool [n]. degrees: float [n], counter-clockwise; None: no rotation.

    Returns:
        The grid, float [n, height, width, 2], for `grid_sample` without aligned corners; and, with rotation, whether
        the pixel lies inside the crop, bool [n, height, width].
    """
    height, width = size
    # One copy for all that was drawn.
    turns = torch.zeros(len(boxes)) if degrees is None else degrees
    drawn = to_device(torch.cat([boxes.float(), flipped.float().unsqueeze(1), turns.unsqueeze(1)], dim=1), device)
    top, left, box_height, box_width, mirrored, turns = drawn.unbind(1)
    y, x = (torch.arange(n, device=device, dtype=torch.float32).unsqueeze(0) for n in size)
    inside = None
    if degrees is None:
        y, x = y.unsqueeze(2), x.unsqueeze(1)
    else:
        y, x = _rotate(y, x, turns)
        inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    x = torch.where(mirrored.view(-1, 1, 1) > 0, (width - 1) - x, x)
    y, x = _to_source(y, top, box_height, height), _to_source(x, left, box_width, width)
    shape = (len(boxes), height, width)
    return torch.stack((x.expand(shape), y.expand(shape)), dim=-1), inside


def _rotate(y: Tensor, x: Tensor, degrees: Tensor) -> tuple[Tensor, Tensor]:
    """The pixels [1, height] x [1, width] seen through a rotation about the centre: two [n, height, width]."""
    centre_y, centre_x = (y.shape[1] - 1) / 2, (x.shape[1] - 1) / 2
    y, x = (y - centre_y).unsqueeze(2), (x - centre_x).unsqueeze(1)
    angle = torch.deg2rad(degrees).view(-1, 1, 1)
    sine, cosine = torch.sin(angle), torch.cos(angle)
    return x * sine + y * cosine + centre_y, x * cosine - y * sine + centre_x


def _to_source(pixel: Tensor, start: Tensor, length: Tensor, size: int) -> Tensor:
    """Pixels of the view to normalised coordinates in the image, held inside the crop as a resized crop would be."""
    start, length = start.view(-1, 1, 1), length.view(-1, 1, 1)
    source = start - 0.5 + (pixel + 0.5) * (length / size)
    source = torch.minimum(torch.maximum(source, start), start + length - 1)
    return (2 * source + 1) / size - 1
