"""Small mesh files, sound and broken."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import trimesh
from trimesh import creation

BOX = creation.box((1, 2, 3)).export(file_type="off").encode()


def off(vertices: list[tuple[float, float, float]], faces: list[tuple[int, ...]]) -> bytes:
    """An OFF file as ModelNet has them."""
    lines = ["OFF", f"{len(vertices)} {len(faces)} 0"]
    lines += [" ".join(map(str, vertex)) for vertex in vertices]
    lines += [" ".join(map(str, (len(face), *face))) for face in faces]
    return ("\n".join(lines) + "\n").encode()


def write(file: Path, content: bytes) -> Path:
    """The file, its folders made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def write_classes(root: Path, counts: dict[str, int], suffix: str = ".off") -> Path:
    """A box of its own size per file: `<root>/<class>/<number><suffix>`."""
    for number, (name, count) in enumerate(counts.items()):
        for index in range(count):
            box = creation.box((1, 1 + number, 1 + 0.1 * index))
            write(root / name / f"{index:02}{suffix}", as_bytes(box.export(file_type=suffix[1:])))
    return root


def as_bytes(exported: str | bytes) -> bytes:
    """What trimesh exports is text for some formats."""
    return exported.encode() if isinstance(exported, str) else exported


def glb_with_external_buffer(uri: str) -> bytes:
    """A GLB whose only buffer lies in another file."""
    tree = {
        "asset": {"version": "2.0"},
        "buffers": [{"uri": uri, "byteLength": 48}],
        "bufferViews": [
            {"buffer": 0, "byteLength": 36},
            {"buffer": 0, "byteOffset": 36, "byteLength": 12},
        ],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5125, "count": 3, "type": "SCALAR"},
        ],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "nodes": [{"mesh": 0}],
        "scenes": [{"nodes": [0]}],
        "scene": 0,
    }
    text = json.dumps(tree).encode()
    text += b" " * (-len(text) % 4)
    return struct.pack("<5I", 0x46546C67, 2, 20 + len(text), len(text), 0x4E4F534A) + text


TRIANGLE = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)]


def exported(kind: str) -> bytes:
    """A box in another format."""
    return as_bytes(creation.box().export(file_type=kind))


BROKEN: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "empty": (".off", lambda: b"", "the file is empty"),
    "blank": (".off", lambda: b" \n\n", "the file is empty"),
    "no OFF": (".off", lambda: b"hello", "it does not begin with OFF"),
    "header alone": (".off", lambda: b"OFF\n", "it cannot be read as OFF"),
    "cut between faces": (".off", lambda: BOX[: BOX.rindex(b"\n3 ")], "the file is cut off"),
    "cut in a face": (".off", lambda: BOX.rstrip().rpartition(b" ")[0], "the file is cut off"),
    "cut in the vertices": (".off", lambda: BOX[:60], "the file is cut off"),
    "more than there is": (".off", lambda: b"OFF\n9999999999 9999999999 0\n0 0 0\n", "the file is cut off"),
    "endless number": (".off", lambda: b"OFF\n" + b"9" * 5000 + b" 1 0\n0 0 0\n", "it cannot be read as OFF"),
    "face out of range": (".off", lambda: off(TRIANGLE, [(0, 1, 7)]), "it cannot be read as OFF"),
    "negative index": (".off", lambda: off(TRIANGLE, [(0, 1, -1)]), "it cannot be read as OFF"),
    "no faces": (".off", lambda: off(TRIANGLE, []), "it holds no faces"),
    "no area": (".off", lambda: off([(0, 0, 0), (1, 1, 1), (2, 2, 2)], [(0, 1, 2)]), "none of its faces has an area"),
    "one place": (".off", lambda: off([(1, 1, 1)] * 3, [(0, 1, 2)]), "none of its faces has an area"),
    "not finite": (".off", lambda: off([(float("nan"), 0, 0), *TRIANGLE], [(0, 1, 2)]), "coordinates are not finite"),
    "points alone": (".ply", lambda: as_bytes(trimesh.PointCloud(TRIANGLE).export(file_type="ply")), "holds no faces"),
    "cut PLY": (".ply", lambda: exported("ply")[:-9], "the file is cut off"),
    "cut STL": (".stl", lambda: exported("stl")[:-9], "the file is cut off"),
    "cut text STL": (".stl", lambda: exported("stl_ascii").rpartition(b"facet normal")[0], "the file is cut off"),
    "cut GLB": (".glb", lambda: exported("glb")[:-9], "the file is cut off"),
    "no GLB": (".glb", lambda: bytes(range(256)), "it does not begin with glTF"),
    "OBJ without faces": (".obj", lambda: b"v 0 0 0\nv 1 0 0\n", "it holds no faces"),
}
"""Suffix, content, and what is said of it."""
