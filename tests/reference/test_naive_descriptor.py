from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_descriptor import naive_variances

from hmlc_ray.objectives.masks.descriptor import ClassSums, descriptor, nested_variances
from hmlc_ray.taxonomy import Taxonomy

TREES = {
    "one level": [("a",), ("b",), ("c",)],
    "unbalanced": [("a", "x"), ("a", "y"), ("a", "z"), ("b", "x")],
    "only children": [("a", "x", "1"), ("b", "y", "2"), ("c", "z", "3")],
    "five levels": [(f"{i // 8}", f"{i // 4}", f"{i // 2}", f"{i // 2}", f"{i}") for i in range(12)],
}


def tree(name: str) -> Taxonomy:
    paths = TREES[name]
    return Taxonomy.from_paths([f"level{h}" for h in range(len(paths[0]))], paths)


@pytest.mark.parametrize("name", TREES)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000), batches=st.integers(1, 4), offset=st.sampled_from([0.0, 1e3]))
def test_running_sums_give_the_nested_analysis_of_variance(name: str, seed: int, batches: int, offset: float) -> None:
    taxonomy = tree(name)
    rng = np.random.default_rng(seed)
    leaf = rng.integers(0, taxonomy.num_leaves, 40)
    rows = torch.from_numpy((rng.normal(size=(40, 6)) + leaf[:, None] * rng.normal(size=6) + offset).astype(np.float32))
    sums = ClassSums(taxonomy.num_leaves, 6)
    for part, labels in zip(rows.chunk(batches), torch.from_numpy(leaf).chunk(batches), strict=True):
        sums.add(part, labels)
    found = nested_variances(sums, taxonomy)
    between, within = naive_variances(rows.double().numpy(), taxonomy.paths(leaf))
    np.testing.assert_allclose(found.between, between, rtol=1e-6, atol=1e-9 * (1 + offset))
    np.testing.assert_allclose(found.within, within, rtol=1e-6, atol=1e-9 * (1 + offset))
    total = rows.double().numpy().var(axis=0)
    np.testing.assert_allclose(found.between.sum(axis=0) + found.within, total, rtol=1e-6)


def test_no_effect_is_the_expected_ratio_of_pure_noise() -> None:
    taxonomy = tree("unbalanced")
    rng = np.random.default_rng(0)
    leaf = torch.from_numpy(rng.integers(0, taxonomy.num_leaves, 400))
    sums = ClassSums(taxonomy.num_leaves, 4000)
    sums.add(torch.from_numpy(rng.normal(size=(400, 4000))), leaf)
    found = nested_variances(sums, taxonomy)
    np.testing.assert_allclose(found.no_effect, [1 / 400, 2 / 400])
    np.testing.assert_allclose((found.between / found.within).mean(axis=1), found.no_effect, rtol=0.05)


def test_the_descriptor_is_finite_and_standardised_whatever_the_embedding() -> None:
    taxonomy = tree("only children")
    leaf = torch.tensor([0, 0, 1, 1, 2, 2])
    by_class = leaf[:, None].double()
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 3)))
    rows = torch.cat([torch.zeros(6, 1), torch.full((6, 1), 1e4), by_class, 1e-12 * noise, by_class + noise], dim=1)
    sums = ClassSums(3, rows.shape[1])
    sums.add(rows, leaf)
    u = descriptor(nested_variances(sums, taxonomy))
    assert np.isfinite(u).all()
    np.testing.assert_allclose(u.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(u.std(axis=0), [1, 0, 0], atol=1e-12)
    assert u[2, 0] == u[:, 0].max()
    assert u[0, 0] == u[1, 0] == u[:, 0].min()
    assert (descriptor(nested_variances(ClassSums(3, 4), taxonomy)) == 0).all()
