"""What every format comes to."""

from __future__ import annotations

import codecs
from typing import NamedTuple

import numpy as np

from hmlc_ray.arrays import FloatArray, IntArray


class CutOff(ValueError):
    """There is less than the file announces."""

    def __init__(self) -> None:
        super().__init__("the file is cut off")


class RawMesh(NamedTuple):
    """Vertices and triangles as a file has them."""

    vertices: FloatArray
    """[V, 3]; not all of them finite, perhaps."""
    faces: IntArray
    """[F, 3], numbers of vertices, which may be out of range."""
    note: str | None = None
    """What was odd about the file, though it could be read."""
    normals: FloatArray | None = None
    """[V, 3], of the vertices, where the format's reader knows them; surfaces do not need them."""


def fans(corners: IntArray, sizes: IntArray) -> IntArray:
    """Polygons to triangles that share their first corner; what has fewer than three corners has no surface.

    Args:
        corners: of all polygons, one after another, [sum of sizes].
        sizes: corners of each polygon, [n].

    Returns:
        [F, 3], a polygon of k corners giving k - 2.
    """
    parts = np.maximum(sizes - 2, 0)
    first = np.repeat(np.cumsum(sizes) - sizes, parts)
    number = np.arange(int(parts.sum())) - np.repeat(np.cumsum(parts) - parts, parts)
    return np.asarray(corners[np.stack([first, first + number + 1, first + number + 2], axis=1)])


def text_of(content: bytes) -> str:
    """Content of a text format: names and comments may be in any encoding, and a byte-order mark is dropped.

    UTF-16 is what PowerShell writes where a program's output is sent to a file.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    return content.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
