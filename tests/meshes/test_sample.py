"""Sampling: uniform over the area, in the unit ball, the same for the same seed and content."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest
from trimesh import creation

from hmlc_ray.meshes.read import double_areas
from hmlc_ray.meshes.sample import sample_surface


def seeded(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def triangles_of(areas: list[float]) -> np.ndarray:
    """Right triangles of these areas, one behind the other along z."""
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    return np.stack([corners * np.sqrt(2 * area) + [0, 0, place] for place, area in enumerate(areas)])


def test_faces_are_hit_in_proportion_to_their_area() -> None:
    areas = [1.0, 2.0, 3.0, 0.5, 10.0]
    triangles = triangles_of(areas)
    assert double_areas(triangles).tolist() == pytest.approx([2 * area for area in areas])
    points = sample_surface(triangles, 20_000, seeded(), normals=False)
    levels, counts = np.unique(np.round(points[:, 2] * 1000), return_counts=True)
    assert len(levels) == len(areas)
    assert chisquare(counts, np.array(areas) / sum(areas) * 20_000).pvalue > 0.01


def test_points_are_uniform_within_a_face() -> None:
    """In a right triangle 1 - (1 - x)^2 is uniform along each leg, and x + y = s has density 2 s."""
    triangle = np.array([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]])
    # The sides of the triangle stay parallel to the axes; the offset and the size are undone by the farthest values.
    raw = sample_surface(triangle, 20_000, seeded(), normals=False)[:, :2].astype(np.float64)
    raw = (raw - raw.min(0)) / (raw.max(0) - raw.min(0))
    for axis in (0, 1):
        assert kstest(1 - (1 - raw[:, axis]) ** 2, "uniform").pvalue > 0.01
    assert kstest(raw.sum(axis=1).clip(max=1) ** 2, "uniform").pvalue > 0.001


@given(st.integers(0, 2**32), st.integers(16, 200), st.booleans())
@settings(max_examples=25, deadline=None)
def test_clouds_lie_in_the_unit_ball_and_normals_are_unit(seed: int, count: int, normals: bool) -> None:
    mesh = creation.cone(1, 3, sections=9)
    triangles = np.asarray(mesh.triangles) * 40 + [100, -7, 3]
    cloud = sample_surface(triangles, count, seeded(seed), normals=normals)
    assert cloud.shape == (count, 6 if normals else 3)
    assert cloud.dtype == np.float32
    np.testing.assert_allclose(cloud[:, :3].mean(axis=0), 0, atol=1e-5)
    assert np.linalg.norm(cloud[:, :3], axis=1).max() == pytest.approx(1, abs=1e-5)
    if normals:
        np.testing.assert_allclose(np.linalg.norm(cloud[:, 3:], axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(cloud, sample_surface(triangles, count, seeded(seed), normals=normals))


def test_normals_are_those_of_the_faces() -> None:
    box = creation.box((1, 1, 1))
    cloud = sample_surface(np.asarray(box.triangles), 300, seeded(), normals=True)
    outward = (cloud[:, :3] * cloud[:, 3:]).sum(axis=1)
    assert (outward > 0).all()
    assert set(np.abs(cloud[:, 3:]).max(axis=1).tolist()) == {1.0}


def test_size_and_place_of_a_surface_do_not_matter() -> None:
    triangles = np.asarray(creation.torus(1, 0.3).triangles)
    one = sample_surface(triangles, 64, seeded(), normals=False)
    other = sample_surface(triangles * 1000 + 5, 64, seeded(), normals=False)
    np.testing.assert_allclose(one, other, atol=1e-5)
