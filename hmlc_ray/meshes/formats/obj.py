"""Wavefront OBJ: its vertices and faces, and nothing else, so that no other file is ever opened."""

from __future__ import annotations

import numpy as np

from hmlc_ray.meshes.formats.raw import RawMesh, fans, text_of
from hmlc_ray.meshes.formats.words import real, whole


def read_obj(content: bytes) -> RawMesh:
    """Vertices and fans of polygons; groups and objects are joined. A negative number counts back from the last vertex
    above its line.

    Raises:
        ValueError: naming the line, if a vertex lacks coordinates, or a face corners, or a number is not a vertex's.
    """
    vertices: list[list[float]] = []
    corners: list[int] = []
    sizes: list[int] = []
    for number, line in enumerate(text_of(content).replace("\\\r\n", " ").replace("\\\n", " ").splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if words[0] == "v":
            if len(words) < 4:
                raise ValueError(f"line {number} is a vertex of {len(words) - 1} coordinates")
            vertices.append([real(word, number) for word in words[1:4]])
        elif words[0] in ("f", "fo"):
            if len(words) < 4:
                raise ValueError(f"line {number} is a face of {len(words) - 1} corners")
            corners += [_vertex(word, len(vertices), number) for word in words[1:]]
            sizes.append(len(words) - 1)
    faces = fans(np.array(corners, dtype=np.int64), np.array(sizes, dtype=np.int64))
    return RawMesh(np.array(vertices, dtype=np.float64).reshape(-1, 3), faces)


def _vertex(word: str, so_far: int, line: int) -> int:
    """The vertex of `7`, `7/1`, `7//3` or `7/1/3`, counted from 0."""
    index = whole(word.partition("/")[0], line)
    if index == 0:
        raise ValueError(f"line {line} names vertex 0, but vertices are counted from 1")
    if index < -so_far:
        raise ValueError(f"line {line} names vertex {index}, but there are {so_far} above it")
    return index - 1 if index > 0 else so_far + index
