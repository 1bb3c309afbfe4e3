from __future__ import annotations

import numpy as np
import pytest
from planted_features import TREE, planted

from hmlc_ray.diagnosis import distances as module
from hmlc_ray.diagnosis.distances import tree_distances
from hmlc_ray.evaluation.figures import Frozen


def test_pairs_of_leaves_sample_by_sample() -> None:
    frozen = planted(4, 0)
    found = tree_distances(TREE, frozen, 0)
    assert found is not None
    rows = frozen.features.astype(np.float64)
    means = [rows[frozen.paths[:, 1] == leaf].mean(axis=0) for leaf in range(9)]
    wanted = sorted(
        (1 if i % 3 == j % 3 else 2, float(np.linalg.norm(means[i] - means[j]))) for i in range(9) for j in range(i)
    )
    pairs = sorted(zip(found.heights.tolist(), found.distances.tolist(), strict=True))
    np.testing.assert_allclose(pairs, wanted, rtol=1e-9)
    groups = found.by_height()
    assert {height: len(group) for height, group in groups.items()} == {1: 9, 2: 27}


def test_leaves_that_do_not_occur_have_no_distance() -> None:
    frozen = planted(4, 0)
    kept = frozen.paths[:, 1] < 2
    found = tree_distances(TREE, Frozen(frozen.features[kept], frozen.paths[kept]), 0)
    assert found is not None
    assert found.heights.tolist() == [2]
    kept = frozen.paths[:, 1] < 1
    assert tree_distances(TREE, Frozen(frozen.features[kept], frozen.paths[kept]), 0) is None


def test_of_many_leaves_some_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tree_distances(TREE, planted(4, 0), 0)
    monkeypatch.setattr(module, "MOST_LEAVES", 5)
    found = tree_distances(TREE, planted(4, 0), 0)
    assert whole is not None
    assert found is not None
    assert len(found.distances) == 10
    assert set(found.distances.tolist()) <= set(whole.distances.tolist())
