"""Gaussian blur and noise, drawn per sample and applied to the whole batch."""

from __future__ import annotations

import torch
from torch import Tensor

from hmlc_ray.config.data import ViewsConfig
from hmlc_ray.data.transfer import to_device

_SIGMA = (0.1, 2.0)
_SHARE_OF_SIDE = 10


def disturb(images: Tensor, config: ViewsConfig, generator: torch.Generator) -> Tensor:
    """Blur with its probability, then noise; float [n, C, height, width] in [0, 1], which may be changed in place."""
    if config.blur:
        chosen = (torch.rand(len(images), generator=generator) < config.blur).nonzero().flatten()
        sigma = _SIGMA[0] + torch.rand(len(chosen), generator=generator) * (_SIGMA[1] - _SIGMA[0])
        rows = to_device(chosen, images.device)
        images.index_copy_(0, rows, blur(images[rows], to_device(sigma, images.device)))
    if config.noise:
        noise = _normal(images, generator)
        images = noise.mul_(config.noise).add_(images).clamp_(0, 1)
    return images


def blur_size(height: int, width: int) -> int:
    """The kernel's side: the odd number nearest to a tenth of the image's shorter side, at least 3."""
    return max(3, 2 * (min(height, width) // (2 * _SHARE_OF_SIDE)) + 1)


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur with one sigma (pixels) per image; the border is mirrored.

    Args:
        images: float [n, C, height, width]. sigma: float [n].
    """
    size = blur_size(*images.shape[-2:])
    taps = torch.arange(size, device=images.device) - size // 2
    kernels = torch.exp(-0.5 * (taps / sigma.view(-1, 1)).square())
    kernels = kernels / kernels.sum(dim=1, keepdim=True)
    for dim in (2, 3):
        images = _convolve(images, kernels, dim)
    return images


def _convolve(images: Tensor, kernels: Tensor, dim: int) -> Tensor:
    """Correlate dimension `dim` of each image with its own kernel, [n, size]; the border is mirrored."""
    length, reach = images.shape[dim], kernels.shape[1] // 2
    weights = kernels.view(*kernels.shape, 1, 1, 1).unbind(1)
    result = images * weights[reach]
    for offset in range(1, reach + 1):
        for weight, step in ((weights[reach - offset], -offset), (weights[reach + offset], offset)):
            start, stop = max(0, -step), min(length, length - step)
            target = result.narrow(dim, start, stop - start)
            target.addcmul_(images.narrow(dim, start + step, stop - start), weight)
            # The rows whose neighbour lies beyond the border: 0..offset-1, or the last ones.
            for row in range(offset) if step < 0 else range(length - offset, length):
                mirrored = abs(row + step) if step < 0 else 2 * (length - 1) - (row + step)
                result.select(dim, row).addcmul_(images.select(dim, mirrored), weight.squeeze(-1))
    return result


def _normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise; off the CPU it is drawn on the device, from a seed of the CPU's generator."""
    if like.device.type == "cpu":
        return torch.empty_like(like).normal_(generator=generator)
    seed = int(torch.randint(2**62, (), generator=generator))
    return torch.empty_like(like).normal_(generator=torch.Generator(like.device).manual_seed(seed))
