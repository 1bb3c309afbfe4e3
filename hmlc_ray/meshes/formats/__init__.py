"""One module per format: content in, vertices and triangles out.

All but GLB are read here and not by trimesh, which takes what is left of a text PLY that is cut off, refuses polygons
of different sizes, and counts an OBJ's negative numbers from the end of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from hmlc_ray.meshes.formats.glb import read_glb
from hmlc_ray.meshes.formats.obj import read_obj
from hmlc_ray.meshes.formats.off import read_off
from hmlc_ray.meshes.formats.ply import read_ply
from hmlc_ray.meshes.formats.raw import RawMesh
from hmlc_ray.meshes.formats.stl import read_stl

VERSION = 1
"""Version of the readers: clouds that another version sampled are sampled again."""
READERS: Mapping[str, Callable[[bytes], RawMesh]] = MappingProxyType(
    {".off": read_off, ".stl": read_stl, ".ply": read_ply, ".obj": read_obj, ".glb": read_glb}
)
"""Readers by suffix. Each raises ValueError with the reason, or whatever arbitrary bytes make its parser raise."""
