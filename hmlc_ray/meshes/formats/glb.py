"""Binary glTF 2.0, read by trimesh, without what it reads over."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import trimesh

from hmlc_ray.files.json_text import parse_json
from hmlc_ray.meshes.formats.raw import CutOff, RawMesh

_COMPRESSION = ("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression")
_FAN = 6  # mode of a primitive


def read_glb(content: bytes) -> RawMesh:
    """The meshes of the scene, joined where it puts them; buffers in other files are never opened.

    Raises:
        ValueError: if the content is cut off, no GLB, or holds geometry that trimesh would leave out or misplace.
    """
    if not content.startswith(b"glTF"):
        raise ValueError("it does not begin with glTF")
    if len(content) < max(20, int.from_bytes(content[8:12], "little")):
        raise CutOff
    try:
        tree = parse_json(content[20 : 20 + int.from_bytes(content[12:16], "little")].decode())
    except ValueError as error:
        raise ValueError(f"its JSON is damaged: {error}") from error
    _refuse_unread(tree)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mesh = trimesh.load_scene(io.BytesIO(content), "glb", process=False, skip_materials=True).to_mesh()
    faces = np.asarray(mesh.faces, dtype=np.int64).reshape(-1, 3)
    return RawMesh(np.asarray(mesh.vertices, dtype=np.float64), faces)


def _refuse_unread(tree: dict[str, Any]) -> None:
    for name in tree.get("extensionsRequired", ()):
        if name in _COMPRESSION:
            raise ValueError(f"its geometry is compressed ({name}); export it without compression")
    accessors = tree.get("accessors", [])
    for primitive in (primitive for mesh in tree.get("meshes", ()) for primitive in mesh["primitives"]):
        if primitive.get("mode") == _FAN:
            raise ValueError("it holds triangle fans; export it as triangles")
        for reference in (primitive["attributes"].get("POSITION"), primitive.get("indices")):
            accessor = accessors[reference] if reference is not None else {}
            if "sparse" in accessor:
                raise ValueError("its geometry is in sparse accessors; export it without them")
            if accessor.get("normalized"):
                raise ValueError("its positions are quantised (KHR_mesh_quantization); export it without that")
