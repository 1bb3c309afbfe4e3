"""STL, binary and as text, in the spellings that programs are known to write."""

from __future__ import annotations

import re

import numpy as np

from hmlc_ray.arrays import FloatArray
from hmlc_ray.meshes.formats.raw import CutOff, RawMesh, text_of
from hmlc_ray.meshes.formats.words import is_number, no_number

_HEADER, _FACET = 84, 50
_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attributes", "<u2")])
_SOLID_LINES = re.compile(r"^[ \t]*(?:end[ \t]*)?solid\b.*$", re.MULTILINE)
_FACETS = re.compile(r"\bfacet\b|\bendfacet\b|\bvertex\s+(\S+)\s+(\S+)\s+(\S+)")


def read_stl(content: bytes) -> RawMesh:
    """Triangles, each with vertices of its own; the solids of a text file are joined.

    A file whose length fits the number of faces in its header is binary, whatever its header begins with.

    Raises:
        ValueError: if the content is cut off, or says two things about its number of faces.
    """
    announced = int.from_bytes(content[80:_HEADER], "little") if len(content) >= _HEADER else 0
    if len(content) != _HEADER + _FACET * announced and _is_text(content):
        return _of_corners(_text_corners(text_of(content)))
    return _binary(content, announced)


def _is_text(content: bytes) -> bool:
    start = content[:65536].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith((b"solid", b"facet")) and b"facet" in start and b"\0" not in start[:1024]


def _binary(content: bytes, announced: int) -> RawMesh:
    body = content[_HEADER:]
    present, rest = divmod(len(body), _FACET)
    if len(content) < _HEADER or announced > present:
        raise CutOff
    note = None
    if announced == 0 and present and not rest:  # written by a program that could not go back to its header
        announced, note = present, f"its header announces no faces, and {present} follow"
    elif present > announced and any(body[_FACET * announced :]):
        raise ValueError(f"its header announces {announced} faces, but there is room for {present}")
    corners = np.frombuffer(body, _RECORD, count=announced)["corners"]
    return _of_corners(corners.reshape(-1, 3).astype(np.float64), note)


def _text_corners(text: str) -> FloatArray:
    text = text.lower().replace("\r\n", "\n").replace("\r", "\n")
    solids = [line.group().split()[0] for line in _SOLID_LINES.finditer(text)]
    if not solids or not solids[-1].startswith("end"):
        raise CutOff
    opened: list[tuple[str, ...]] | None = None
    corners: list[tuple[str, ...]] = []
    facets = _SOLID_LINES.sub("", text)  # as many lines as before
    for match in _FACETS.finditer(facets):
        word = match.group().split()[0]
        if word == "vertex":
            if opened is None:
                raise ValueError("a vertex lies outside of a facet")
            opened.append(match.groups())
        elif (word == "facet") != (opened is None):
            raise ValueError("a facet does not end")
        elif word == "facet":
            opened = []
        else:
            assert opened is not None
            if len(opened) != 3:
                raise ValueError(f"a facet has {len(opened)} corners")
            corners += opened
            opened = None
    if opened is not None:
        raise CutOff
    try:
        return np.array(corners, dtype=np.float64).reshape(-1, 3)
    except ValueError:
        raise _mistake(facets) from None


def _mistake(facets: str) -> ValueError:
    """The first coordinate that is not a number, with its line."""
    for match in _FACETS.finditer(facets):
        for number, word in enumerate(match.groups(), start=1):
            if word is not None and not is_number(word):
                return no_number(word, facets.count("\n", 0, match.start(number)) + 1)
    return ValueError("a coordinate is not a number")


def _of_corners(corners: FloatArray, note: str | None = None) -> RawMesh:
    return RawMesh(corners, np.arange(len(corners)).reshape(-1, 3), note)
