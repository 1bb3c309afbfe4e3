"""Two random views of every point cloud, drawn per sample and made in one batch on the samples' device."""

from __future__ import annotations

from math import radians

import torch
from torch import Tensor

from hmlc_ray.config.points import PointViewsConfig
from hmlc_ray.data.draws import generator_on
from hmlc_ray.data.transfer import to_device

_CHUNK_BYTES = 1 << 22
_AXES = {"x": 0, "y": 1, "z": 2}


class TwoPointViews:
    """Two independent random views of every cloud."""

    def __init__(self, config: PointViewsConfig) -> None:
        self._config = config

    def __call__(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Float [B, points, channels] to float32 [2, B, k, channels], k = `resample` or all points.

        Args:
            generator: on the CPU; the same state gives the same views (bit for bit on the CPU).
        """
        shape = (2, len(inputs), self._config.resample or inputs.shape[1], inputs.shape[2])
        if inputs.device.type != "cpu":  # what counts there is the number of operations, not the memory
            return augment_points(inputs.repeat(2, 1, 1), self._config, generator).reshape(shape)
        views = torch.empty(shape)
        size = max(1, _CHUNK_BYTES // inputs[0].nbytes)
        for start in range(0, len(inputs), size):
            clouds = inputs[start : start + size]
            for view in views:
                view[start : start + size] = augment_points(clouds, self._config, generator)
        return views


def augment_points(clouds: Tensor, config: PointViewsConfig, generator: torch.Generator) -> Tensor:
    """One random view of each cloud: resample, turn, tilt, scale, shift, jitter, dropout, in this order.

    Args:
        clouds: float [n, points, 3], or [n, points, 6] with unit normals, which are turned along and stay unit.
        generator: on the CPU; what is drawn per sample comes from it, whatever the device is. What is drawn per point
            comes from it on the CPU, and on another device from a generator there that it seeds.
    """
    clouds = _resample(clouds, config.resample, generator)
    xyz, normals = clouds[..., :3], clouds[..., 3:]
    turn = to_device(rotations(len(clouds), config, generator), clouds.device)
    size = to_device(_factors(len(clouds), config, generator), clouds.device)
    shift = to_device(_symmetric((len(clouds), 1, 3), config.translation, generator), clouds.device)
    xyz = (xyz @ turn.transpose(1, 2)).mul_(size).add_(shift)
    if config.jitter:
        noise = torch.empty_like(xyz).normal_(generator=generator_on(clouds.device, generator)).mul_(config.jitter)
        xyz = xyz + noise.clamp_(-config.jitter_clip, config.jitter_clip)
    if normals.shape[2]:
        # Under a stretch normals go with the inverse, or they would not stay at right angles to the surface.
        normals = torch.nn.functional.normalize((normals @ turn.transpose(1, 2)) / size, dim=2)
        xyz = torch.cat([xyz, normals], dim=2)
    return drop(xyz, config.dropout, generator) if config.dropout else xyz


def rotations(count: int, config: PointViewsConfig, generator: torch.Generator) -> Tensor:
    """A turn about the up axis, then a tilt about a level axis of random direction: float [count, 3, 3]."""
    up = torch.zeros(count, 3)
    up[:, _AXES[config.up]] = 1
    turn = _about(up, _symmetric((count,), radians(config.rotation), generator))
    if not config.tilt:
        return turn
    direction = torch.rand(count, generator=generator) * (2 * torch.pi)
    level = torch.zeros(count, 3)
    level[:, (_AXES[config.up] + 1) % 3] = direction.cos()
    level[:, (_AXES[config.up] + 2) % 3] = direction.sin()
    return _about(level, _symmetric((count,), radians(config.tilt), generator)) @ turn


def drop(clouds: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """Drop a random share of each cloud's points, uniform in [0, most]; copies of its first point replace them.

    The first point stays. Clouds keep their size, and a maximum over points does not see the copies.
    """
    share = to_device(torch.rand(len(clouds), 1, generator=generator) * most, clouds.device)
    lost = torch.rand(clouds.shape[:2], generator=generator_on(clouds.device, generator), device=clouds.device) < share
    lost[:, 0] = False
    return torch.where(lost.unsqueeze(2), clouds[:, :1], clouds)


def _resample(clouds: Tensor, count: int | None, generator: torch.Generator) -> Tensor:
    """`count` different points of each cloud; its points in their order, where all are taken."""
    if count is None or count == clouds.shape[1]:
        return clouds
    keys = torch.rand(clouds.shape[:2], generator=generator_on(clouds.device, generator), device=clouds.device)
    index = keys.topk(count, dim=1, sorted=False).indices
    return clouds.gather(1, index.unsqueeze(2).expand(-1, -1, clouds.shape[2]))


def _factors(count: int, config: PointViewsConfig, generator: torch.Generator) -> Tensor:
    """Factors of size, uniform in their range: float [count, 1, 3], or [count, 1, 1] where all axes share one."""
    low, high = config.scale
    axes = 3 if config.anisotropic else 1
    return low + torch.rand(count, 1, axes, generator=generator) * (high - low)


def _symmetric(shape: tuple[int, ...], limit: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(shape, generator=generator) * 2 - 1) * limit


def _about(axis: Tensor, angle: Tensor) -> Tensor:
    """Rotation matrices by Rodrigues' formula: unit axes [n, 3] and angles [n] to [n, 3, 3]."""
    cross = torch.linalg.cross(axis.unsqueeze(1), torch.eye(3).expand(len(axis), 3, 3), dim=2).transpose(1, 2)
    sine, cosine = angle.sin().view(-1, 1, 1), angle.cos().view(-1, 1, 1)
    result: Tensor = torch.eye(3) + sine * cross + (1 - cosine) * (cross @ cross)
    return result
