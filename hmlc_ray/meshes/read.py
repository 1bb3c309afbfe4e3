"""A mesh file's triangles, whatever the format; what is broken is repaired, or said in a few words.

Files are data and nothing else: they are read from memory, without a resolver, so that neither an OBJ's materials nor a
glTF's external buffers are ever opened.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import trimesh

FloatArray = npt.NDArray[np.float64]
_OFF_HEADER = re.compile(rb"\s*OFF\s*(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s")
_WITHOUT_MATERIALS = {".obj", ".glb"}


class BrokenMesh(ValueError):
    """The content is no mesh with a surface; the message says why, to follow the file's name."""


class Surface(NamedTuple):
    """What can be sampled."""

    triangles: FloatArray
    """[F, 3 corners, 3], inside the cube from -1 to 1, each with an area."""
    repair: str | None
    """What had to be left out, if anything."""


def read_surface(content: bytes, suffix: str) -> Surface:
    """The surface of a mesh file; the meshes of a scene are joined where the scene puts them.

    Args:
        content: of the file.
        suffix: `.off`, `.stl`, `.ply`, `.obj` or `.glb`.

    Raises:
        BrokenMesh: if the content is empty, cut off, of another format, or has no face with an area.
    """
    if not content.strip():
        raise BrokenMesh("the file is empty")
    vertices, faces = (_plain_off(content) if suffix == ".off" else None) or _by_trimesh(content, suffix)
    if not len(faces):
        raise BrokenMesh("it holds no faces")
    finite = np.isfinite(vertices[faces]).all(axis=(1, 2))
    triangles = _with_area(_in_cube(vertices[faces[finite]]))
    if not len(triangles):
        raise BrokenMesh("none of its faces has an area" if finite.any() else "its coordinates are not finite")
    lost = int((~finite).sum())
    return Surface(triangles, f"{lost} of {len(faces)} faces have coordinates that are not finite" if lost else None)


def _plain_off(content: bytes) -> tuple[FloatArray, npt.NDArray[np.int64]] | None:
    """Vertices and faces of an OFF file of triangles without comments or colours, in a fraction of the usual time.

    None for all other content, sound or not.
    """
    header = _OFF_HEADER.match(content)
    if header is None:
        return None
    num_vertices, num_faces = int(header[1]), int(header[2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            numbers = np.fromstring(content[header.end() :], dtype=np.float64, sep=" ")
        except ValueError:  # the text holds something other than numbers; older versions of numpy warn of that
            return None
    if len(numbers) != 3 * num_vertices + 4 * num_faces:
        return None
    faces = numbers[3 * num_vertices :].reshape(-1, 4)
    inside = (faces[:, 0] == 3) & (faces[:, 1:] >= 0).all(axis=1) & (faces[:, 1:] < num_vertices).all(axis=1)
    return (numbers[: 3 * num_vertices].reshape(-1, 3), faces[:, 1:].astype(np.int64)) if inside.all() else None


def _by_trimesh(content: bytes, suffix: str) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    _refuse_cut(content, suffix)
    options: dict[str, Any] = {"skip_materials": True} if suffix in _WITHOUT_MATERIALS else {}
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scene = trimesh.load_scene(io.BytesIO(content), suffix.removeprefix("."), process=False, **options)
            mesh = scene.to_mesh()
            return np.asarray(mesh.vertices, dtype=np.float64), np.asarray(mesh.faces, dtype=np.int64).reshape(-1, 3)
    except Exception as error:  # a parser meets arbitrary bytes here, and fails in as many ways
        reason = " ".join(str(error).split())[:200]
        raise BrokenMesh(f"it cannot be read as {suffix.removeprefix('.').upper()}: {reason}") from error


def _refuse_cut(content: bytes, suffix: str) -> None:
    """Find the ends that trimesh reads over: it takes the faces that are there."""
    if suffix == ".off" and b"OFF" not in content[:1024]:
        raise BrokenMesh("it does not begin with OFF")
    if suffix == ".glb" and not content.startswith(b"glTF"):
        raise BrokenMesh("it does not begin with glTF")
    if _IS_CUT[suffix](content):
        raise BrokenMesh("the file is cut off")


def _off_is_cut(content: bytes) -> bool:
    """Whether there are fewer lines than vertices and faces, or the last face lacks corners."""
    header = _OFF_HEADER.match(content)
    if header is None:
        return False
    lines = [line for line in content[header.end() :].splitlines() if line.split(b"#")[0].strip()]
    needed = int(header[1]) + int(header[2])
    if len(lines) < needed:
        return True
    last = lines[needed - 1].split() if int(header[2]) else []
    return bool(last) and last[0].isdigit() and len(last) <= int(last[0])


def _stl_is_cut(content: bytes) -> bool:
    """As text it ends with `endsolid`; else there are 50 bytes for each of the faces that are announced."""
    if b"facet" in content[:1024]:
        return b"endsolid" not in content[-1024:]
    return len(content) < 84 + 50 * int.from_bytes(content[80:84], "little")


def _glb_is_cut(content: bytes) -> bool:
    return len(content) < int.from_bytes(content[8:12], "little")


_IS_CUT: dict[str, Callable[[bytes], bool]] = {
    ".off": _off_is_cut,
    ".stl": _stl_is_cut,
    ".glb": _glb_is_cut,
    ".ply": lambda content: False,  # trimesh compares lengths itself
    ".obj": lambda content: False,  # nothing says how much there should be
}


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
    """At right angles to each triangle, twice its area long: [F, 3, 3] to [F, 3]."""
    return np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
