from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from planted_features import TREE, planted

from hmlc_ray.arrays import FloatArray
from hmlc_ray.diagnosis import spectra
from hmlc_ray.diagnosis.spectra import effective_rank, scatters_of, spectrum_of
from hmlc_ray.evaluation.figures import Frozen
from hmlc_ray.taxonomy import Taxonomy

THREE = Taxonomy.from_paths(
    ("a", "b", "c"), [("x", "x0", "1"), ("x", "x0", "2"), ("x", "x1", "3"), ("y", "y0", "4"), ("y", "y0", "5")]
)


def naive_effective_rank(values: list[float]) -> float:
    """Roy and Vetterli 2007, definitions 1 and 2."""
    total = 0.0
    for value in values:
        total += abs(value)
    entropy = 0.0
    for value in values:
        p = abs(value) / total
        entropy -= p * math.log(p) if p > 0 else 0.0
    return math.exp(entropy)


def naive_scatter(rows: FloatArray, paths: np.ndarray, level: int) -> FloatArray:
    """S_h sample by sample."""
    total = np.zeros((rows.shape[1], rows.shape[1]))
    for i in range(len(rows)):
        own = [rows[j] for j in range(len(rows)) if paths[j, level] == paths[i, level]]
        parent = [rows[j] for j in range(len(rows)) if level == 0 or paths[j, level - 1] == paths[i, level - 1]]
        difference = np.mean(own, axis=0) - np.mean(parent, axis=0)
        total += np.outer(difference, difference) / len(rows)
    return total


def random_rows(seed: int, offset: float = 0.0) -> Frozen:
    rng = np.random.default_rng(seed)
    leaf = rng.integers(0, THREE.num_leaves, 30)
    rows = rng.normal(size=(30, 7)) * rng.uniform(0.1, 3, size=7) + rng.normal(size=(5, 7))[leaf] + offset
    return Frozen(rows.astype(np.float32), THREE.paths(leaf))


@pytest.mark.parametrize("seed", range(5))
def test_the_effective_rank_is_that_of_the_definition(seed: int) -> None:
    frozen = random_rows(seed, offset=10.0)
    rows = frozen.features.astype(np.float64)
    singular = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
    found = spectrum_of(frozen, 0)
    assert found.effective_rank == pytest.approx(naive_effective_rank(singular.tolist()), rel=1e-9)
    # Their squares are the variances along the principal axes, which add up to the total variance.
    assert np.square(found.deviations).sum() == pytest.approx(rows.var(axis=0).sum())


@pytest.mark.parametrize(("values", "rank"), [([1.0, 1, 1, 1], 4), ([3.0, 0, 0], 1), ([2.0, 2, 0], 2)])
def test_equal_values_count_whole(values: list[float], rank: float) -> None:
    assert effective_rank(np.array(values)) == pytest.approx(rank)


@pytest.mark.parametrize("seed", range(3))
def test_the_scatter_is_that_of_the_definition(seed: int) -> None:
    frozen = random_rows(seed, offset=100.0)
    rows = frozen.features.astype(np.float64)
    for h, found in enumerate(scatters_of(frozen, THREE)):
        scatter = naive_scatter(rows, frozen.paths, h)
        eigenvalues = np.linalg.eigvalsh(scatter)[::-1]
        np.testing.assert_allclose(found.eigenvalues, eigenvalues[: len(found.eigenvalues)], rtol=1e-6, atol=1e-9)
        assert found.rank == np.linalg.matrix_rank(scatter, tol=1e-6)
        kept = [value for value in eigenvalues.tolist() if value > 1e-6]
        assert found.effective_rank == pytest.approx(naive_effective_rank(kept), rel=1e-6)
    assert [scatter.largest_rank for scatter in scatters_of(frozen, THREE)] == [1, 1, 2]


def test_planted_ranks_are_found() -> None:
    """Class means on a line have a scatter of rank 1, however many classes there are."""
    frozen = planted(10, 0)
    on_a_line = frozen.features.copy()
    on_a_line[:] = 0.0
    on_a_line[:, 0] = frozen.paths[:, 0] * 1.3
    on_a_line[:, 3] = frozen.paths[:, 1] // 3 * 0.7
    on_a_line[:, 5] = frozen.paths[:, 1] // 3 * -0.1
    found = scatters_of(replace(frozen, features=on_a_line), TREE)
    assert [(scatter.rank, scatter.largest_rank) for scatter in found] == [(1, 2), (1, 6)]
    assert [scatter.effective_rank for scatter in found] == pytest.approx([1, 1])


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6])
def test_collapsed_features_have_no_rank(value: float) -> None:
    frozen = planted(5, 0)
    collapsed = replace(frozen, features=np.full_like(frozen.features, value))
    assert math.isnan(spectrum_of(collapsed, 0).effective_rank)
    for scatter in scatters_of(collapsed, TREE):
        assert scatter.rank == 0
        assert math.isnan(scatter.effective_rank)


def test_classes_that_do_not_occur_count_nowhere() -> None:
    frozen = planted(6, 0)
    kept = (frozen.paths[:, 0] != 1) & (frozen.paths[:, 1] != 0)
    few = Frozen(frozen.features[kept], frozen.paths[kept])
    found = scatters_of(few, TREE)
    assert [scatter.largest_rank for scatter in found] == [1, 3]
    for h, scatter in enumerate(found):
        wanted = np.linalg.eigvalsh(naive_scatter(few.features.astype(np.float64), few.paths, h))[::-1]
        np.testing.assert_allclose(scatter.eigenvalues, wanted[: len(scatter.eigenvalues)], rtol=1e-6, atol=1e-8)
        assert scatter.rank == scatter.largest_rank


def test_of_many_samples_a_subset_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = planted(20, 0)
    whole = spectrum_of(frozen, 0)
    monkeypatch.setattr(spectra, "MAX_SAMPLES", 60)
    few = spectrum_of(frozen, 0)
    assert few.effective_rank != whole.effective_rank
    assert few.effective_rank == pytest.approx(whole.effective_rank, rel=0.1)
    assert few.effective_rank == spectrum_of(frozen, 0).effective_rank
