"""Made solids: the same seed, the same bits; a balanced or imbalanced tree of three levels."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hmlc_ray.config.data import PrimitivesConfig
from hmlc_ray.data import load_data
from hmlc_ray.meshes.primitives import FAMILIES, PATHS, deform, gear, make_cloud, sizes

SMALL = PrimitivesConfig(per_class=5, num_points=32)
DIGEST = """
import hashlib
from hmlc_ray.meshes.primitives import PATHS, make_cloud
settings = dict(num_points=64, normals=True, seed=3, deformation=0.2, noise=0.02)
clouds = [make_cloud((leaf, 1), **settings).tobytes() for leaf in range(len(PATHS))]
print(hashlib.sha256(b"".join(clouds)).hexdigest())
"""


def test_the_tree_has_three_levels_and_every_solid_is_closed() -> None:
    assert len(PATHS) == len(set(PATHS)) == len({leaf for _, _, leaf in PATHS}) == 24
    assert (len({path[0] for path in PATHS}), len({path[1] for path in PATHS})) == (3, 10)
    for families in FAMILIES.values():
        for leaves in families.values():
            for make in leaves.values():
                mesh = make()
                mesh.merge_vertices()
                assert mesh.is_watertight
                assert mesh.volume > 0


@pytest.mark.parametrize("teeth", [3, 8])
def test_a_gear_has_its_teeth(teeth: int) -> None:
    mesh = gear(teeth, 0.4, 0.5)
    radius = np.linalg.norm(mesh.vertices[: 4 * teeth, :2], axis=1)
    assert sorted(np.round(radius, 6).tolist()) == [0.6] * (2 * teeth) + [1.0] * (2 * teeth)
    assert np.ptp(mesh.vertices[:, 2]) == 0.5


def test_the_same_seed_gives_the_same_bits_in_any_process() -> None:
    done = subprocess.run([sys.executable, "-c", DIGEST], capture_output=True, text=True, check=True)
    settings = {"num_points": 64, "normals": True, "seed": 3, "deformation": 0.2, "noise": 0.02}
    clouds = [make_cloud((leaf, 1), **settings).tobytes() for leaf in range(len(PATHS))]  # type: ignore[arg-type]
    assert done.stdout.strip() == hashlib.sha256(b"".join(clouds)).hexdigest()


def test_a_set_is_the_same_for_the_same_settings_and_cached_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    first, cached = load_data(SMALL), load_data(SMALL)
    monkeypatch.setenv("HMLC_CACHE", f"{os.environ['HMLC_CACHE']}-other")
    made = load_data(SMALL)
    for data in (cached, made):
        assert data.fingerprint == first.fingerprint
        assert torch.equal(data.train.at(torch.arange(9)), first.train.at(torch.arange(9)))
    assert load_data(SMALL.model_copy(update={"sample_seed": 1})).fingerprint != first.fingerprint
    assert load_data(SMALL.model_copy(update={"noise": 0.1})).fingerprint != first.fingerprint


def test_clouds_lie_in_the_unit_ball_and_classes_are_complete() -> None:
    data = load_data(SMALL.model_copy(update={"normals": True}))
    assert data.taxonomy.num_classes == (3, 10, 24)
    assert data.taxonomy.level_names == PrimitivesConfig.LEVELS
    assert data.input_shape == (32, 6)
    assert data.train.inputs.shape[0] == 120
    places = data.train.inputs[:][..., :3]
    torch.testing.assert_close(places.norm(dim=2).amax(dim=1), torch.ones(120))
    torch.testing.assert_close(places.mean(dim=1), torch.zeros(120, 3), atol=1e-6, rtol=0)
    assert torch.bincount(data.train.leaf).min() >= 1


@given(st.integers(10, 500), st.floats(1, 3), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_sizes_fall_from_the_largest_to_its_imbalance(per_class: int, imbalance: float, seed: int) -> None:
    counts = sizes(per_class, imbalance, seed)
    assert len(counts) == 24
    assert max(counts) == per_class
    assert min(counts) == round(per_class / imbalance)
    assert counts == sizes(per_class, imbalance, seed)
    assert imbalance > 1 or set(counts) == {per_class}


def test_an_imbalance_shows_in_the_counts() -> None:
    data = load_data(PrimitivesConfig(per_class=40, imbalance=8, num_points=16))
    counts = np.bincount(np.concatenate([part.leaf for part in (data.train, data.val, data.test) if part is not None]))
    assert (counts.min(), counts.max()) == (5, 40)
    with pytest.raises(ValidationError, match=r"imbalance \(20\) must not exceed a third of per_class \(40\)"):
        PrimitivesConfig(per_class=40, imbalance=20)


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_a_deformation_moves_vertices_by_its_strength(strength: float) -> None:
    vertices = np.random.default_rng(0).uniform(-1, 1, (50, 3))
    moved = deform(vertices, strength, np.random.default_rng(1))
    change = np.abs(moved - vertices).max()
    assert change == 0 if strength == 0 else 0.05 < change < 3


def test_proportions_of_a_family_differ_more_than_their_deformations() -> None:
    def radii(leaf: int, number: int) -> np.ndarray:
        settings = {"num_points": 256, "normals": False, "seed": 0, "deformation": 0.2, "noise": 0.02}
        return np.sort(np.linalg.norm(make_cloud((leaf, number), **settings), axis=1))  # type: ignore[arg-type]

    cube, plate = (PATHS.index(("faceted", "box", name)) for name in ("cube", "plate"))
    same = max(np.abs(radii(cube, 0) - radii(cube, number)).mean() for number in range(1, 8))
    other = min(np.abs(radii(cube, 0) - radii(plate, number)).mean() for number in range(8))
    assert same < other
