"""Uniform points on a surface."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hmlc_ray.arrays import FloatArray
from hmlc_ray.meshes.read import crosses

Cloud = npt.NDArray[np.float32]


def sample_surface(triangles: FloatArray, count: int, random: np.random.Generator, *, normals: bool) -> Cloud:
    """Points uniform by area, centred on their mean and scaled so that the farthest has distance 1.

    Args:
        triangles: [F, 3 corners, 3], each with an area.
        random: the same state gives the same points.
        normals: append the unit normal of each point's triangle; its sign is that of the corners' order.

    Returns:
        float32 [count, 3] or [count, 6].
    """
    across = crosses(triangles)
    double_area = np.linalg.norm(across, axis=1)
    ends = np.cumsum(double_area)
    chosen = np.searchsorted(ends, random.random(count) * ends[-1], side="right").clip(max=len(ends) - 1)
    points = in_unit_ball(_within(triangles[chosen], random))
    if normals:
        points = np.concatenate([points, across[chosen] / double_area[chosen, None]], axis=1)
    return points.astype(np.float32)


def in_unit_ball(points: FloatArray) -> FloatArray:
    """Points centred on their mean and scaled so that the farthest has distance 1: [n, 3] to [n, 3]."""
    centred = points - points.mean(axis=0)
    return np.asarray(centred / np.linalg.norm(centred, axis=1).max())


def _within(triangles: FloatArray, random: np.random.Generator) -> FloatArray:
    """One point in each triangle: a point of the parallelogram, turned back where it lies in its other half."""
    weights = random.random((len(triangles), 2))
    outside = weights.sum(axis=1) > 1
    weights[outside] = 1 - weights[outside]
    corner = triangles[:, 0]
    edges = triangles[:, 1:] - corner[:, None]
    return np.asarray(corner + (edges * weights[:, :, None]).sum(axis=1))
