"""A mesh file's triangles, whatever the format; what is broken is repaired, or said in a few words.

Files are data and nothing else: they are read from memory, without a resolver, so that neither an OBJ's materials nor a
glTF's external buffers are ever opened.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hmlc_ray.arrays import FloatArray
from hmlc_ray.files.imposters import what_it_is_instead
from hmlc_ray.meshes.formats import READERS
from hmlc_ray.meshes.formats.raw import CutOff, RawMesh
from hmlc_ray.names.counts import many


class BrokenMesh(ValueError):
    """The content is not a mesh with a surface; the message says why, to follow the file's name."""


class Surface(NamedTuple):
    """What can be sampled."""

    triangles: FloatArray
    """[F, 3 corners, 3], inside the cube from -1 to 1, each with an area."""
    repair: str | None
    """What had to be left out or was odd, if anything."""


def read_surface(content: bytes, suffix: str) -> Surface:
    """The surface of a mesh file; the meshes of a scene are joined where the scene puts them.

    Args:
        content: of the file.
        suffix: `.off`, `.stl`, `.ply`, `.obj` or `.glb`.

    Raises:
        BrokenMesh: if the content is empty, cut off, of another format, or has no face with an area.
    """
    vertices, faces, note, _ = _raw(content, suffix)
    if not len(faces):
        points = f", only {many(len(vertices), 'point')}" if len(vertices) else ""
        raise BrokenMesh(what_it_is_instead(content) or f"it holds no faces{points}")
    finite = np.isfinite(vertices[faces]).all(axis=(1, 2))
    triangles = _with_area(_in_cube(vertices[faces[finite]]))
    if not len(triangles):
        raise BrokenMesh("none of its faces has an area" if finite.any() else "its coordinates are not finite")
    lost = int((~finite).sum())
    infinite = f"{lost} of {len(faces)} faces have coordinates that are not finite" if lost else None
    return Surface(triangles, "; ".join(filter(None, (infinite, note))) or None)


def _raw(content: bytes, suffix: str) -> RawMesh:
    if not content.strip():
        raise BrokenMesh("the file is empty")
    try:
        mesh = READERS[suffix](content)
        if len(mesh.faces) and (mesh.faces.min() < 0 or mesh.faces.max() >= len(mesh.vertices)):
            wrong = mesh.faces.min() if mesh.faces.min() < 0 else mesh.faces.max()
            raise ValueError(f"a face names vertex {wrong} (counted from 0), but there are {len(mesh.vertices)}")
    except CutOff as error:
        raise BrokenMesh(what_it_is_instead(content) or str(error)) from error
    except Exception as error:  # a parser meets arbitrary bytes here, and fails in as many ways
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        known = f"it cannot be read as {suffix.removeprefix('.').upper()}: {reason}"
        raise BrokenMesh(what_it_is_instead(content) or known) from error
    return mesh


def _in_cube(triangles: FloatArray) -> FloatArray:
    """Moved and scaled, all alike, so that areas neither overflow nor vanish."""
    if not len(triangles):
        return triangles
    low, high = triangles.min(axis=(0, 1)), triangles.max(axis=(0, 1))
    reach = float((high / 2 - low / 2).max())
    return np.asarray((triangles - (low / 2 + high / 2)) / reach) if reach > 0 else triangles[:0]


def _with_area(triangles: FloatArray) -> FloatArray:
    return triangles[double_areas(triangles) > 0]


def double_areas(triangles: FloatArray) -> FloatArray:
    """Twice the area of each triangle: [F, 3, 3] to [F]."""
    return np.asarray(np.linalg.norm(crosses(triangles), axis=1))


def crosses(triangles: FloatArray) -> FloatArray:
    """Normals of the triangles, twice their area long: [F, 3, 3] to [F, 3]."""
    return np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
