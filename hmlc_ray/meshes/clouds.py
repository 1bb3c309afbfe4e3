"""A file of points to a cloud of so many points: without repetition where there are enough."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from hmlc_ray.arrays import FloatArray
from hmlc_ray.files.imposters import what_it_is_instead
from hmlc_ray.meshes.cloud_formats import CLOUD_READERS, RawCloud
from hmlc_ray.meshes.formats.raw import CutOff
from hmlc_ray.meshes.read import BrokenMesh
from hmlc_ray.meshes.sample import Cloud, in_unit_ball
from hmlc_ray.names.counts import are, many

VERSION = 1
"""Version of the readers and of the drawing: it is part of every key."""
_UNIT = (0.9, 1.1)
"""Lengths between which the middle one of a file's normals lies."""


class Drawing(NamedTuple):
    """How a file of points becomes a cloud."""

    num_points: int
    normals: bool
    seed: int
    scaling: Literal["unit-ball", "none"]

    @property
    def noun(self) -> str:
        return "point cloud"

    @property
    def channels(self) -> int:
        return 6 if self.normals else 3

    @property
    def settings(self) -> list[int | bool | str]:
        """Part of the key of what comes out."""
        return ["points", VERSION, *self]

    def cloud(self, content: bytes, suffix: str, random: np.random.Generator) -> tuple[Cloud, str | None]:
        """The cloud of a file, float32 [num_points, channels], and what was odd or left out.

        Points are drawn without repetition. Where a file has too few, each is taken equally often, give or take once.

        Raises:
            BrokenMesh: if the content is empty, cut off, of another format, or holds no two different points.
        """
        raw = _raw(content, suffix)
        points, lost = self._sound(raw)
        notes = [
            f"{lost} of {many(len(raw.points), 'point')} are not finite"
            + (" or have no normal" if self.normals else "")
        ]
        notes = notes if lost else []
        count = len(points)
        order = random.permutation(count)
        if count < self.num_points:
            notes.append(f"there {are(count)} {many(count, 'point')}, which {are(count)} repeated")
            whole, rest = divmod(self.num_points, count)
            order = random.permutation(np.concatenate([np.tile(order, whole), order[:rest]]))
        cloud = self._scaled(points[order[: self.num_points]])
        return cloud, "; ".join([*notes, *filter(None, [raw.note])]) or None

    def _sound(self, raw: RawCloud) -> tuple[FloatArray, int]:
        """The points that can be used, with unit normals where these are wanted; and how many others there are."""
        numbers = raw.points
        if not self.normals:
            good = np.isfinite(numbers).all(axis=1)
        else:
            if raw.normals is None:
                raise BrokenMesh("it holds no normals, but data.normals is true")
            with np.errstate(over="ignore", invalid="ignore"):
                length = np.linalg.norm(raw.normals, axis=1)
            good = np.isfinite(numbers).all(axis=1) & np.isfinite(length) & (length > 0)
            if good.any() and not _UNIT[0] <= np.median(length[good]) <= _UNIT[1]:
                raise BrokenMesh(
                    f"the numbers behind x, y and z are not unit normals (their middle length is "
                    f"{np.median(length[good]):.3g}), but data.normals is true"
                )
            numbers = np.concatenate([numbers[good], raw.normals[good] / length[good, None]], axis=1)
        if not good.any():
            raise BrokenMesh("its coordinates are not finite" if len(raw.points) else "it holds no points")
        points = numbers if self.normals else numbers[good]
        if (points[:, :3] == points[0, :3]).all():
            raise BrokenMesh("it holds a single point" if len(points) == 1 else "all of its points are the same")
        return points, int((~good).sum())

    def _scaled(self, cloud: FloatArray) -> Cloud:
        if self.scaling == "none":
            if np.abs(cloud).max() > np.finfo(np.float32).max:
                raise BrokenMesh("its coordinates are too large for float32; data.scaling: unit-ball makes them small")
            return cloud.astype(np.float32)
        low, high = cloud[:, :3].min(axis=0), cloud[:, :3].max(axis=0)
        reach = float((high / 2 - low / 2).max())
        if not reach > 0:
            raise BrokenMesh("the points that were drawn are all the same: data.num_points is too small for it")
        points = in_unit_ball((cloud[:, :3] - (low / 2 + high / 2)) / reach)
        return np.concatenate([points, cloud[:, 3:]], axis=1).astype(np.float32)


def _raw(content: bytes, suffix: str) -> RawCloud:
    if not content.strip():
        raise BrokenMesh("the file is empty")
    try:
        return CLOUD_READERS[suffix](content)
    except CutOff as error:
        raise BrokenMesh(what_it_is_instead(content) or str(error)) from error
    except Exception as error:  # a parser meets arbitrary bytes here, and fails in as many ways
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        known = f"it cannot be read as {suffix.removeprefix('.').upper()}: {reason}"
        raise BrokenMesh(what_it_is_instead(content) or known) from error
