"""Made solids: parametric families, deformed and noisy, to train and test on where there is no data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

import numpy as np
import trimesh
from trimesh import creation

from hmlc_ray.arrays import FloatArray
from hmlc_ray.meshes.sample import Cloud, in_unit_ball, sample_surface

Maker = Callable[[], trimesh.Trimesh]
_LONGEST_EDGE = 0.25  # of what is bent and twisted, in radii
_ROUND = 32  # sides of what is round


def gear(teeth: int, depth: float, height: float) -> trimesh.Trimesh:
    """A prism over a ring of teeth: the radius changes between 1 and 1 - depth every half tooth."""
    angles = np.arange(4 * teeth) * (np.pi / (2 * teeth))
    radius = np.where(np.arange(4 * teeth) % 4 < 2, 1.0, 1.0 - depth)
    rim = np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    count = len(rim)
    levels = [np.column_stack([rim, np.full(count, side * height / 2)]) for side in (-1, 1)]
    vertices = np.concatenate([*levels, [[0, 0, -height / 2], [0, 0, height / 2]]])
    here = np.arange(count)
    after = (here + 1) % count
    faces = [
        np.stack([here, after, after + count], axis=1),
        np.stack([here, after + count, here + count], axis=1),
        np.stack([after, here, np.full(count, 2 * count)], axis=1),
        np.stack([here + count, after + count, np.full(count, 2 * count + 1)], axis=1),
    ]
    return trimesh.Trimesh(vertices, np.concatenate(faces), process=False)


def _ellipsoid(x: float, y: float, z: float) -> trimesh.Trimesh:
    ball = creation.icosphere(subdivisions=3)
    return trimesh.Trimesh(ball.vertices * [x, y, z], ball.faces, process=False)


FAMILIES: Mapping[str, Mapping[str, Mapping[str, Maker]]] = MappingProxyType(
    {
        "faceted": {
            "box": {
                "cube": lambda: creation.box((1, 1, 1)),
                "plate": lambda: creation.box((1, 1, 0.2)),
                "bar": lambda: creation.box((0.25, 0.25, 1)),
            },
            "prism": {
                "wedge": lambda: creation.cylinder(1, 0.6, sections=3),
                "beam": lambda: creation.cylinder(0.5, 3, sections=3),
            },
            "pyramid": {
                "roof": lambda: creation.cone(1, 0.6, sections=4),
                "obelisk": lambda: creation.cone(0.5, 2.5, sections=4),
            },
            "gear": {
                "star": lambda: gear(5, 0.6, 0.4),
                "cog": lambda: gear(10, 0.25, 0.4),
                "pinion": lambda: gear(7, 0.35, 3),
            },
        },
        "round": {
            "cylinder": {
                "disc": lambda: creation.cylinder(1, 0.25, sections=_ROUND),
                "can": lambda: creation.cylinder(1, 2, sections=_ROUND),
                "rod": lambda: creation.cylinder(0.2, 3, sections=_ROUND),
            },
            "cone": {
                "hat": lambda: creation.cone(1, 0.6, sections=_ROUND),
                "spike": lambda: creation.cone(0.5, 3, sections=_ROUND),
            },
            "ellipsoid": {
                "ball": lambda: _ellipsoid(1, 1, 1),
                "lens": lambda: _ellipsoid(1, 1, 0.35),
                "cigar": lambda: _ellipsoid(0.35, 0.35, 1),
            },
            "capsule": {
                "pill": lambda: creation.capsule(2.0, 1.0, count=(_ROUND, _ROUND)),
                "sausage": lambda: creation.capsule(4.0, 0.5, count=(_ROUND, _ROUND)),
            },
        },
        "pierced": {
            "torus": {
                "hoop": lambda: creation.torus(1, 0.12, _ROUND, _ROUND),
                "doughnut": lambda: creation.torus(1, 0.42, _ROUND, _ROUND),
            },
            "annulus": {
                "washer": lambda: creation.annulus(0.5, 1, 0.2, sections=_ROUND),
                "tube": lambda: creation.annulus(0.75, 1, 3, sections=_ROUND),
            },
        },
    }
)
"""Shape to family to proportion to the solid; upright along z."""

PATHS: tuple[tuple[str, str, str], ...] = tuple(
    (shape, family, leaf)
    for shape, families in FAMILIES.items()
    for family, leaves in families.items()
    for leaf in leaves
)
"""The path of every leaf class, coarsest first; a class's number is its position."""


def make_cloud(
    solid: tuple[int, int], *, num_points: int, normals: bool, seed: int, deformation: float, noise: float
) -> Cloud:
    """One solid, deformed, sampled and noisy: float32 [num_points, 3 or 6] in the unit ball.

    The same arguments give the same points, whatever else is made.

    Args:
        solid: its leaf class, and its number within that class.
    """
    leaf, number = solid
    random = np.random.default_rng([seed, leaf, number])
    vertices, faces = _solid(leaf)
    cloud = sample_surface(deform(vertices, deformation, random)[faces], num_points, random, normals=normals)
    noisy = cloud[:, :3] + noise * random.standard_normal((num_points, 3))
    cloud[:, :3] = in_unit_ball(noisy)
    return cloud


def deform(vertices: FloatArray, strength: float, random: np.random.Generator) -> FloatArray:
    """Stretch each axis, taper along z, twist about z, and bend over x, each by a random amount: [n, 3] to [n, 3]."""
    stretch, (taper, twist, bend) = random.uniform(-1, 1, 3) * strength, random.uniform(-1, 1, 3) * strength
    x, y, z = (vertices * np.exp(stretch)).T
    height = z / max(float(np.abs(z).max()), 1e-9)
    width = 1 + taper * height
    angle = 2 * twist * height
    across = width * (x * np.cos(angle) - y * np.sin(angle))
    along = width * (x * np.sin(angle) + y * np.cos(angle))
    return np.stack([across + bend * np.abs(z).max() * height**2, along, z], axis=1)


def sizes(per_class: int, imbalance: float, seed: int) -> list[int]:
    """Solids of each leaf class: geometric from `per_class` down to its `imbalance`-th part, in a seeded order."""
    order = np.random.default_rng([seed, len(PATHS)]).permutation(len(PATHS))
    steps = np.arange(len(PATHS)) / (len(PATHS) - 1)
    counts = np.empty(len(PATHS), dtype=np.int64)
    counts[order] = np.rint(per_class * imbalance**-steps)
    return [int(count) for count in counts]


@cache
def _solid(leaf: int) -> tuple[FloatArray, FloatArray]:
    """Vertices, about 1 in reach, and faces small enough to be bent."""
    shape, family, name = PATHS[leaf]
    mesh = FAMILIES[shape][family][name]()
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    vertices = (vertices - (vertices.min(0) + vertices.max(0)) / 2) / np.ptp(vertices, axis=0).max() * 2
    return trimesh.remesh.subdivide_to_size(vertices, faces, _LONGEST_EDGE, max_iter=20)  # type: ignore[no-any-return]
