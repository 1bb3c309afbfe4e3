"""OFF, as text: polygons, comments, and the variants with normals, colours and texture coordinates."""

from __future__ import annotations

import re
import warnings

import numpy as np

from hmlc_ray.meshes.formats.raw import CutOff, RawMesh, fans, text_of
from hmlc_ray.meshes.formats.words import real, whole
from hmlc_ray.names.counts import are, many
from hmlc_ray.names.cut import cut

_COUNTS = re.compile(rb"\s*OFF\s*(\d{1,12})\s+(\d{1,12})\s+(\d{1,12})\s")
_KEYWORD = re.compile(r"(?:ST)?C?N?(?P<four>4)?(?P<n>n)?OFF|off|Off")
_Line = tuple[int, str]
"""Its number in the file, and what it says without a comment."""


def read_off(content: bytes) -> RawMesh:
    """Vertices and fans of polygons. `OFF` and the counts may share a line, with or without a space between them.

    Raises:
        ValueError: if the content is cut off, binary, of more dimensions or no OFF.
    """
    return _triangles_alone(content) or _by_lines(text_of(content))


def _triangles_alone(content: bytes) -> RawMesh | None:
    """The content of a file without comments, colours and polygons, in a fraction of the time; None for all other."""
    header = _COUNTS.match(content)
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
    if not (faces[:, 0] == 3).all() or (faces != np.floor(faces)).any() or (np.abs(faces) > 2**53).any():
        return None
    return RawMesh(numbers[: 3 * num_vertices].reshape(-1, 3), faces[:, 1:].astype(np.int64))


def _by_lines(text: str) -> RawMesh:
    plain = ((number, line.partition("#")[0].strip()) for number, line in enumerate(text.splitlines(), start=1))
    lines = [(number, line) for number, line in plain if line]
    counts, body = _counts(lines)
    num_vertices, num_faces = counts
    if len(body) < num_vertices + num_faces:
        raise CutOff
    vertices = [_coordinates(*line) for line in body[:num_vertices]]
    corners: list[int] = []
    sizes: list[int] = []
    for number, line in enumerate(body[num_vertices : num_vertices + num_faces], start=1):
        face = _corners(*line, at_the_end=num_vertices + number == len(body))
        corners += face
        sizes.append(len(face))
    more = len(body) - num_vertices - num_faces
    note = (
        f"{many(more, 'line')} {are(more, 'follows', 'follow')} the {num_faces} faces that the file announces"
        if more
        else None
    )
    faces = fans(np.array(corners, dtype=np.int64), np.array(sizes, dtype=np.int64))
    return RawMesh(np.array(vertices, dtype=np.float64).reshape(-1, 3), faces, note)


def _counts(lines: list[_Line]) -> tuple[tuple[int, int], list[_Line]]:
    """The numbers of vertices and faces, and the lines behind them."""
    keyword = _KEYWORD.match(lines[0][1]) if lines else None
    if keyword is None:
        raise ValueError("it does not begin with OFF")
    at, first = lines[0]
    rest = first[keyword.end() :].split()
    if rest and rest[0].upper() == "BINARY":
        raise ValueError("it is a binary OFF; only OFF as text is read, which other programs can export")
    if keyword["four"] or keyword["n"]:
        raise ValueError(f"it is a {keyword[0]}, whose vertices have other than 3 coordinates")
    body = lines[1:]
    if not rest and body:
        (at, first), *body = body
        rest = first.split()
    if len(rest) < 2:
        raise ValueError("there are no numbers of vertices and faces behind OFF")
    num_vertices, num_faces = whole(rest[0], at), whole(rest[1], at)
    if min(num_vertices, num_faces) < 0:
        raise ValueError("it announces a negative number of vertices or faces")
    return (num_vertices, num_faces), body


def _coordinates(number: int, line: str) -> list[float]:
    words = line.split()
    if len(words) < 3:
        raise ValueError(f"line {number} is a vertex of {len(words)} coordinates, {cut(line, 40)!r}")
    return [real(word, number) for word in words[:3]]


def _corners(number: int, line: str, *, at_the_end: bool) -> list[int]:
    """Corners of one face; what follows them in its line is a colour."""
    first, *rest = line.split()
    size = whole(first, number)
    if size < 0:
        raise ValueError(f"line {number} is a face of {size} corners")
    if len(rest) < size:
        raise CutOff if at_the_end else ValueError(f"line {number} is a face of {size} corners and lists {len(rest)}")
    return [whole(word, number) for word in rest[:size]]
