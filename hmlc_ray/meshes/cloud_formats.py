"""Files of points to points: NPY, NPZ, PLY without faces, and text with a point a line."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from hmlc_ray.arrays import FloatArray
from hmlc_ray.files.arrays import Array, BadArray, npz_names, read_npy, read_npz
from hmlc_ray.meshes.formats.ply import read_ply
from hmlc_ray.meshes.formats.raw import CutOff, text_of
from hmlc_ray.meshes.formats.words import DECIMAL_COMMA, first_that_is_no_number, is_number
from hmlc_ray.names.counts import are, many

MOST_BYTES = 1 << 30
"""Most bytes of a cloud, unpacked."""
_NAMES = ("points", "pos", "xyz", "pointcloud", "data", "arr_0")
_COUNT = re.compile(r"[0-9]{1,18}")
_SEPARATORS = str.maketrans(",;\t", "   ")


class RawCloud(NamedTuple):
    """The points of a file as it has them."""

    points: FloatArray
    """[n, 3]; not all of them finite, perhaps."""
    normals: FloatArray | None
    """[n, 3], of any length; None: there are none."""
    note: str | None = None
    """What was odd about the file, though it could be read."""


def _npy(content: bytes) -> RawCloud:
    return _of_array(read_npy(io.BytesIO(content), len(content), limit=MOST_BYTES))


def _npz(content: bytes) -> RawCloud:
    names = npz_names(io.BytesIO(content))
    named = [name for name in _NAMES if name in names] or [name for name in names if name != "normals"]
    if not named or (named[0] not in _NAMES and len(named) > 1):
        raise ValueError(f"none of its arrays is called points: it holds {', '.join(names[:8]) or 'none'}")
    cloud = _of_array(read_npz(io.BytesIO(content), named[0], limit=MOST_BYTES))
    if cloud.normals is None and "normals" in names:
        normals = read_npz(io.BytesIO(content), "normals", limit=MOST_BYTES)
        if normals.shape != cloud.points.shape:
            raise ValueError(f"its normals have the shape {list(normals.shape)}, its points {list(cloud.points.shape)}")
        cloud = cloud._replace(normals=normals.astype(np.float64))
    return cloud


def _of_array(array: Array) -> RawCloud:
    if array.ndim != 2 or array.shape[1] not in (3, 6):
        turned = (
            "; it has them in columns, and has to be transposed" if array.ndim == 2 and len(array) in (3, 6) else ""
        )
        raise ValueError(f"its array has the shape {list(array.shape)}, not [points, 3] or [points, 6]{turned}")
    numbers = array.astype(np.float64)
    return RawCloud(numbers[:, :3], numbers[:, 3:] if numbers.shape[1] == 6 else None)


def _ply(content: bytes) -> RawCloud:
    mesh = read_ply(content)
    if len(mesh.faces):
        raise ValueError(f"it holds {len(mesh.faces):,} faces: data.kind mesh-folder samples their surface")
    return RawCloud(mesh.vertices, mesh.normals, mesh.note)


def _text(content: bytes) -> RawCloud:
    """A point a line: x, y, z, perhaps more numbers. A line of names and a number of points may come first."""
    text = text_of(content)
    lines = [(number, _plain(line)) for number, line in enumerate(text.splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if line]
    if lines and not all(map(is_number, _cells(lines[0][1]))):
        lines = lines[1:]  # names of columns; where it is none, the next line is refused too
    announced = (
        int(lines[0][1]) if len(lines) > 1 and _COUNT.fullmatch(lines[0][1]) and len(_cells(lines[1][1])) > 1 else None
    )
    if announced is not None:
        lines = lines[1:]
    if not lines:
        raise ValueError("it holds no numbers")
    numbers = _table(lines, whole=text.endswith(("\n", "\r")))
    if announced is not None and len(numbers) < announced:
        raise CutOff
    more = 0 if announced is None else len(numbers) - announced
    note = f"{many(more, 'point')} {are(more, 'follows', 'follow')} the {announced} that it announces" if more else None
    return RawCloud(numbers[:, :3], numbers[:, 3:6] if numbers.shape[1] >= 6 else None, note)


def _table(lines: list[tuple[int, str]], *, whole: bool) -> FloatArray:
    first = lines[0][1].split()
    if len(first) >= 3 and all(map(DECIMAL_COMMA.fullmatch, first)):
        raise ValueError(f"its numbers have decimal commas ({first[0]}); decimal points are needed")
    columns = len(_cells(lines[0][1]))
    if columns < 3:
        raise ValueError(f"line {lines[0][0]} has {many(columns, 'number')}, but a point has x, y and z")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return np.loadtxt(
                [line.translate(_SEPARATORS) for _, line in lines], dtype=np.float64, ndmin=2, comments=None
            )
    except (ValueError, Warning) as error:
        raise _mistake(lines, columns, whole=whole) from error


def _mistake(lines: list[tuple[int, str]], columns: int, *, whole: bool) -> ValueError:
    for number, line in lines:
        cells = _cells(line)
        if number == lines[-1][0] and not whole and len(cells) < columns:
            return CutOff()
        if (mistake := first_that_is_no_number([(number, cells)])) is not None:
            return mistake
        if len(cells) != columns:
            return ValueError(f"line {number} has {len(cells)} numbers, line {lines[0][0]} has {columns}")
    return ValueError("its lines are not a table of numbers")


def _plain(line: str) -> str:
    """Without comments, and without the space around it."""
    return line.partition("#")[0].partition("//")[0].strip()


def _cells(line: str) -> list[str]:
    return line.translate(_SEPARATORS).split()


CLOUD_READERS: Mapping[str, Callable[[bytes], RawCloud]] = MappingProxyType(
    {".npy": _npy, ".npz": _npz, ".ply": _ply, ".xyz": _text, ".txt": _text, ".pts": _text}
)
"""Readers by suffix. Each raises ValueError with the reason, or whatever arbitrary bytes make its parser raise."""
__all__ = ["CLOUD_READERS", "MOST_BYTES", "BadArray", "RawCloud"]
