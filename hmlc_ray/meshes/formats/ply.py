"""PLY, as text and binary in either byte order: vertices and faces, wherever they lie among other elements.

The numbers of a text file are read at once and then taken for a binary file of 8-byte floats, so that one way through
the elements serves both.
"""

from __future__ import annotations

import re
import struct
import warnings
from typing import Any, NamedTuple

import numpy as np

from hmlc_ray.arrays import FloatArray, IntArray
from hmlc_ray.meshes.formats.raw import CutOff, RawMesh, fans
from hmlc_ray.meshes.formats.words import first_that_is_no_number
from hmlc_ray.names.counts import are, many
from hmlc_ray.names.cut import cut

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "int64": "i8", "uint64": "u8",
    "long": "i8", "ulong": "u8", "float": "f4", "float32": "f4", "double": "f8", "float64": "f8", "float16": "f2",
}  # fmt: skip
_STRUCT = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I", "i8": "q", "u8": "Q",
           "f2": "e", "f4": "f", "f8": "d"}  # fmt: skip
_ORDERS = {"ascii": "<", "binary_little_endian": "<", "binary_big_endian": ">"}
_END = re.compile(rb"(?:^|[\r\n])end_header[ \t]*(?:\r\n|\r|\n|$)")
_LONGEST_NUMBER = 18
_LARGEST = 2.0**53  # all whole numbers below are floats
_NORMAL = ("nx", "ny", "nz")
_CORNERS = ("vertex_indices", "vertex_index")
Lists = tuple[IntArray, IntArray]
"""The items of all rows, one after another, and how many each row has."""


class _Property(NamedTuple):
    name: str
    type: str
    counted_by: str | None
    """The type of the length, of a list."""


class _Element(NamedTuple):
    name: str
    rows: int
    properties: list[_Property]


class _Body(NamedTuple):
    """Where an element is read."""

    content: bytes
    order: str
    offset: int


def read_ply(content: bytes) -> RawMesh:
    """Vertices with their normals, and the triangles of faces and of triangle strips; polygons become fans.

    Raises:
        ValueError: if the content is cut off, holds more than its header announces, or is not PLY.
    """
    elements, body, is_text = _header(content)
    vertices: FloatArray = np.zeros((0, 3))
    normals: FloatArray | None = None
    faces: list[IntArray] = []
    for element in elements:
        wanted = _list_of_corners(element)
        columns, lists, offset = _read(body, element, wanted)
        body = body._replace(offset=offset)
        if element.name == "vertex" and element.rows:
            vertices = _stacked(columns, ("x", "y", "z"))
            normals = _stacked(columns, _NORMAL) if columns.keys() >= set(_NORMAL) else None
        elif wanted is not None:
            faces.append(_strips(*lists) if element.name == "tristrips" else fans(*lists))
    more = len(body.content) - body.offset
    if is_text and more:
        raise ValueError(f"it holds {more // 8} numbers more than its header announces")
    note = (
        f"{many(more, 'byte')} {are(more, 'follows', 'follow')} what its header announces"
        if body.content[body.offset :].strip()
        else None
    )
    return RawMesh(vertices, np.concatenate(faces) if faces else np.zeros((0, 3), dtype=np.int64), note, normals)


def _stacked(columns: dict[str, Any], names: tuple[str, ...]) -> FloatArray:
    missing = [name for name in names if name not in columns]
    if missing:
        raise ValueError(f"its vertices have no {', '.join(missing)}, only {', '.join(list(columns)[:8]) or 'lists'}")
    return np.stack([np.asarray(columns[name], dtype=np.float64) for name in names], axis=1)


def _header(content: bytes) -> tuple[list[_Element], _Body, bool]:
    if not content[:16].lstrip().lower().startswith(b"ply"):
        raise ValueError("it does not begin with ply")
    end = _END.search(content)
    if end is None:
        raise CutOff
    order = ""
    elements: list[_Element] = []
    for words in (line.split() for line in content[: end.start()].decode("latin-1").splitlines()):
        match words:
            case ["format", form, *_]:
                order = form.lower()
            case ["element", name, rows]:
                elements.append(_Element(name.lower(), _count(name, rows), []))
            case ["property", *_] if not elements:
                raise ValueError("its header has a property before the first element")
            case ["property", "list", count, kind, name]:
                elements[-1].properties.append(_Property(name.lower(), _known(kind), _known(count)))
            case ["property", kind, name]:
                elements[-1].properties.append(_Property(name.lower(), _known(kind), None))
    if order not in _ORDERS:
        raise ValueError(f"its format is {order!r}, none of {', '.join(_ORDERS)}")
    body = content[end.end() :]
    if order != "ascii":
        return elements, _Body(body, _ORDERS[order], 0), False
    plain = [_Element(name, rows, [_as_floats(one) for one in properties]) for name, rows, properties in elements]
    return plain, _Body(_numbers(body, len(content[: end.end()].splitlines())).tobytes(), "<", 0), True


def _count(name: str, rows: str) -> int:
    if not rows.isdecimal() or len(rows) > _LONGEST_NUMBER:
        raise ValueError(f"its header announces {cut(rows, 40)!r} of the element {cut(name, 40)!r}, not a whole number")
    return int(rows)


def _known(kind: str) -> str:
    if kind not in _TYPES:
        raise ValueError(f"a property is of the unknown type {cut(kind, 40)!r}")
    return _TYPES[kind]


def _as_floats(one: _Property) -> _Property:
    return _Property(one.name, "f8", "f8" if one.counted_by else None)


def _numbers(text: bytes, lines_above: int) -> FloatArray:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # older versions of numpy warn of what is not a number
        try:
            return np.fromstring(text, dtype="<f8", sep=" ")
        except (ValueError, DeprecationWarning) as error:
            lines = enumerate(text.decode("latin-1").splitlines(), start=lines_above + 1)
            mistake = first_that_is_no_number((number, line.split()) for number, line in lines)
            raise mistake or ValueError("its data holds something other than numbers") from error


def _list_of_corners(element: _Element) -> int | None:
    """Which property lists the corners of faces; None where no such element was found."""
    if element.name not in ("face", "tristrips"):
        return None
    lists = [offset for offset, one in enumerate(element.properties) if one.counted_by]
    named = [offset for offset in lists if element.properties[offset].name in _CORNERS]
    if not element.rows:
        return None
    if not named and len(lists) != 1:
        raise ValueError("its faces have no list of corners")
    return (named or lists)[0]


def _read(body: _Body, element: _Element, wanted: int | None) -> tuple[dict[str, Any], Lists, int]:
    """Columns by name, the items of the list that is wanted, and the offset behind the element."""
    smallest = sum(int((one.counted_by or one.type)[1]) for one in element.properties)
    if element.rows * smallest > len(body.content) - body.offset:
        raise CutOff
    if not element.rows or not element.properties:
        return {}, (np.zeros(0, np.int64), np.zeros(0, np.int64)), body.offset
    return _alike(body, element, wanted) or _row_by_row(body, element, wanted)


def _alike(body: _Body, element: _Element, wanted: int | None) -> tuple[dict[str, Any], Lists, int] | None:
    """All rows at once, where their lists are as long as those of the first row; else None."""
    fields: list[tuple[str, str] | tuple[str, str, int]] = []
    lengths, _ = _row(body, element.properties, body.offset)
    for number, (one, items) in enumerate(zip(element.properties, lengths, strict=True)):
        if one.counted_by:
            fields.append((f"#{number}", body.order + one.counted_by))
            fields.append((f"{number}", body.order + one.type, len(items)))
        else:
            fields.append((f"{number}", body.order + one.type))
    dtype = np.dtype(fields)
    end = body.offset + element.rows * dtype.itemsize
    if end > len(body.content):
        return None
    table = np.frombuffer(body.content, dtype, element.rows, body.offset)
    for number, items in enumerate(lengths):
        if element.properties[number].counted_by and not (table[f"#{number}"] == len(items)).all():
            return None
    columns = {one.name: table[f"{number}"] for number, one in enumerate(element.properties) if not one.counted_by}
    if wanted is None:
        return columns, (np.zeros(0, np.int64), np.zeros(0, np.int64)), end
    corners = _whole(np.ascontiguousarray(table[f"{wanted}"]).reshape(-1))
    return columns, (corners, np.full(element.rows, len(lengths[wanted]))), end


def _row_by_row(body: _Body, element: _Element, wanted: int | None) -> tuple[dict[str, Any], Lists, int]:
    offset = body.offset
    rows = []
    items: list[float] = []
    sizes: list[int] = []
    for _ in range(element.rows):
        row, offset = _row(body, element.properties, offset)
        if element.name == "vertex":
            rows.append(row)
        if wanted is not None:
            items += row[wanted]
            sizes.append(len(row[wanted]))
    columns = {one.name: [row[n][0] for row in rows] for n, one in enumerate(element.properties) if not one.counted_by}
    return columns, (_whole(np.array(items)), np.array(sizes, dtype=np.int64)), offset


def _row(body: _Body, properties: list[_Property], offset: int) -> tuple[list[tuple[float, ...]], int]:
    """The values of each property in the row at `offset`, and the offset behind it."""
    row: list[tuple[float, ...]] = []
    for one in properties:
        length = 1
        if one.counted_by:
            (count,), offset = _unpack(body, one.counted_by, 1, offset)
            length = int(count)
            if length != count or length < 0:
                raise ValueError(f"a list has {count:g} items")
        values, offset = _unpack(body, one.type, length, offset)
        row.append(values)
    return row, offset


def _unpack(body: _Body, kind: str, length: int, offset: int) -> tuple[tuple[float, ...], int]:
    end = offset + length * int(kind[1])
    if end > len(body.content):
        raise CutOff
    return struct.unpack_from(f"{body.order}{length}{_STRUCT[kind]}", body.content, offset), end


def _whole(numbers: np.ndarray[Any, Any]) -> IntArray:
    if numbers.dtype.kind == "f" and not (np.isfinite(numbers).all() and (numbers == np.floor(numbers)).all()):
        raise ValueError("a corner of a face is not a whole number")
    if numbers.dtype.kind == "f" and len(numbers) and np.abs(numbers).max() > _LARGEST:
        raise ValueError(f"a corner of a face is too large a number, {numbers[np.abs(numbers).argmax()]:g}")
    return numbers.astype(np.int64)


def _strips(items: IntArray, sizes: IntArray) -> IntArray:
    """Triangle strips, which end with -1 or their row: every second triangle has its corners the other way round."""
    items = np.insert(items, np.cumsum(sizes), -1)
    starts = np.zeros(len(items), dtype=np.int64)
    ends = np.flatnonzero(items == -1)
    starts[ends[:-1] + 1] = ends[:-1] + 1
    odd = (np.arange(len(items)) - np.maximum.accumulate(starts))[:-2] % 2 == 1
    triangles = np.stack([items[:-2], items[1:-1], items[2:]], axis=1)
    triangles[odd] = triangles[odd][:, [1, 0, 2]]
    return triangles[(triangles >= 0).all(axis=1)]
