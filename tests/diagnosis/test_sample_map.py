from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from planted_features import planted
from sklearn.metrics import silhouette_score

from hmlc_ray.diagnosis import sample_map as module
from hmlc_ray.diagnosis.sample_map import sample_map
from hmlc_ray.evaluation.figures import Frozen


def test_the_same_seed_gives_the_same_map_and_leaves_lie_apart() -> None:
    frozen = planted(8, 0)
    one, other = sample_map(frozen, 3), sample_map(frozen, 3)
    np.testing.assert_array_equal(one.points, other.points)
    assert (one.method, one.points.shape, one.points.dtype) == ("t-sne", (72, 2), np.float64)
    assert silhouette_score(one.points, one.paths[:, 1]) > 0.5
    assert one.rows.tolist() == list(range(72))


def test_of_many_samples_each_leaf_is_shown_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SAMPLES", 27)
    frozen = planted(8, 0)
    found = sample_map(frozen, 0)
    assert np.bincount(found.paths[:, 1]).tolist() == [3] * 9
    np.testing.assert_array_equal(found.paths, frozen.paths[found.rows])
    assert found.points.shape == (27, 2)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_few_samples_are_shown_by_their_principal_components(count: int) -> None:
    frozen = planted(1, 0)
    found = sample_map(Frozen(frozen.features[:count], frozen.paths[:count]), 0)
    assert (found.method, found.points.shape) == ("pca", (count, 2))
    assert np.isfinite(found.points).all()
    if count > 2:
        assert len(np.unique(found.points, axis=0)) == count


def test_five_samples_are_enough() -> None:
    frozen = planted(1, 0)
    found = sample_map(Frozen(frozen.features[:5], frozen.paths[:5]), 0)
    assert found.method == "t-sne"
    assert np.isfinite(found.points).all()


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_collapsed_features_are_one_point(value: float) -> None:
    frozen = planted(2, 0)
    found = sample_map(replace(frozen, features=np.full_like(frozen.features, value)), 0)
    assert found.method == "pca"
    np.testing.assert_allclose(found.points, 0, atol=1e-6)


def test_one_feature_is_shown_on_a_line() -> None:
    frozen = planted(2, 0)
    found = sample_map(replace(frozen, features=frozen.features[:, :1]), 0)
    assert found.method == "pca"
    assert (found.points[:, 1] == 0).all()
