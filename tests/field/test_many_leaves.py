"""Data with 10,000 leaves, as iNaturalist or Stanford Online Products: nothing grows with their square."""

from __future__ import annotations

import csv
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from torch import nn

from hmlc_ray.config.training import EvaluationConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.evaluation import evaluate, probe
from hmlc_ray.evaluation.confusion_files import matrices_of, write_confusion
from hmlc_ray.evaluation.confusions import SparseCounts, confusion_matrix, from_tensor, to_tensor
from hmlc_ray.evaluation.many_classes import ManyClassRegression
from hmlc_ray.evaluation.tree import cpcc
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

LEAVES = 10_000
SQUARE = 8 * LEAVES**2
"""Bytes of one matrix of all pairs of leaves."""


@pytest.fixture(scope="module")
def tree() -> Taxonomy:
    paths = [(f"a{leaf // 100}", f"b{leaf // 10}", f"c{leaf}") for leaf in range(LEAVES)]
    return Taxonomy.from_paths(("order", "family", "species"), paths)


def split(count: int, seed: int) -> Split:
    random = torch.Generator().manual_seed(seed)
    leaf = torch.randint(0, LEAVES, (count,), generator=random)
    return Split(torch.randint(0, 255, (count, 1, 3, 3), generator=random, dtype=torch.uint8), leaf)


@contextmanager
def little_memory(most: int) -> Iterator[None]:
    """Of numpy's arrays and Python's objects, at once, above what is there already."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most, f"{peak / 1e6:.0f} MB"


def test_an_encoder_is_judged_and_kept_without_a_matrix_of_all_leaves(
    tree: Taxonomy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hmlc_ray.evaluation.figures.MAX_CLUSTERED", 100)
    data = DataSet(tree, split(300, 0), split(300, 1), split(600, 2), "f")
    settings = EvaluationConfig(probe_regularisation=(0.1,), probe_max_iter=5)
    config = TrialConfig(evaluation=settings)
    with little_memory(SQUARE // 2):
        device = torch.device("cpu")
        result = evaluate(nn.Flatten(), data, config, split="test", device=device, full=True)
    matrices = {level: to_tensor(matrix) for level, matrix in result.confusion.items()}
    state = {"learner": {}, "confusion": {"test": matrices}}
    save_checkpoint(tmp_path / "c", Checkpoint(config, tree, 1, result.metrics, None, (1, 3, 3), "f", state))
    found = matrices_of(load_checkpoint(tmp_path / "c").state["confusion"])
    written = write_confusion(tree, found, tmp_path)
    assert {"test/tree/cpcc", "test/tree/hierarchical_distance_at_20", "test/map_at_r/leaf"} <= result.metrics.keys()
    assert sum(file.stat().st_size for file in (tmp_path / "c").iterdir()) < 16e6
    assert sum(file.stat().st_size for file in written) < 8e6
    species = found["test"]["species"]
    assert isinstance(species, SparseCounts)
    assert int(species.count.sum()) == 600
    right = int(species.count[species.true == species.predicted].sum())
    assert right / 600 == pytest.approx(result.metrics["test/probe_top1/species"])
    rows = list(csv.reader((tmp_path / "test-2-species.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["true", "predicted", "count"]
    assert sum(int(row[2]) for row in rows[1:]) == 600
    with Image.open(tmp_path / "test-2-species.png") as picture:
        assert min(picture.size) > 300
    assert isinstance(found["test"]["order"], np.ndarray)


def test_the_correlation_with_the_tree_is_that_of_all_pairs(tree: Taxonomy, monkeypatch: pytest.MonkeyPatch) -> None:
    leaf = np.arange(0, LEAVES, 25).repeat(2)
    features = np.random.default_rng(0).normal(size=(len(leaf), 4)).astype(np.float32) + (leaf // 1000)[:, None]
    means = features.reshape(-1, 2, 4).mean(axis=1, dtype=np.float64)
    first, second = np.triu_indices(len(means), k=1)
    heights = tree.lca_height(leaf[::2][first], leaf[::2][second])
    wanted = np.corrcoef(heights, np.linalg.norm(means[first] - means[second], axis=1))[0, 1]
    for at_once in (1 << 21, 10_000):
        monkeypatch.setattr("hmlc_ray.evaluation.tree.PAIRS_AT_ONCE", at_once)
        assert cpcc(tree, features, leaf) == pytest.approx(wanted, rel=1e-12)


def test_heights_of_all_pairs_never_exist_at_once(tree: Taxonomy) -> None:
    features = np.random.default_rng(0).normal(size=(LEAVES, 2)).astype(np.float32)
    with little_memory(SQUARE // 4):
        assert abs(cpcc(tree, features, np.arange(LEAVES))) < 0.01


def test_a_sparse_matrix_counts_as_a_dense_one(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    true, predicted = random.integers(0, 30, (2, 200))
    dense = confusion_matrix(true, predicted, 30)
    assert isinstance(dense, np.ndarray)
    monkeypatch.setattr("hmlc_ray.evaluation.confusions.MOST_DENSE", 10)
    # A checkpoint of before holds a dense one.
    for sparse in (confusion_matrix(true, predicted, 30), from_tensor(torch.from_numpy(dense))):
        assert isinstance(sparse, SparseCounts)
        rebuilt = np.zeros((30, 30), dtype=np.int64)
        rebuilt[sparse.true, sparse.predicted] = sparse.count
        np.testing.assert_array_equal(rebuilt, dense)
        again = from_tensor(to_tensor(sparse))
        assert isinstance(again, SparseCounts)
        np.testing.assert_array_equal(again.count, sparse.count)


def test_the_probe_of_many_classes_is_logistic_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 6, 300)
    features = random.normal(size=(6, 5))[labels] + random.normal(size=(300, 5))
    monkeypatch.setattr(probe, "MOST_NUMBERS", 100)
    monkeypatch.setattr("hmlc_ray.evaluation.many_classes._NUMBERS_AT_ONCE", 250)  # 41 samples at a time
    kept = labels != 4  # which training never sees
    fitted = list(probe.fit_probes(features[kept], labels[kept], 7, (1.0, 0.01), 500))
    assert [one.regularisation for one in fitted] == [0.01, 1.0]
    for one in fitted:
        assert isinstance(one.classifier, ManyClassRegression)
        assert one.converged
        alone = LogisticRegression(C=one.regularisation, max_iter=500).fit(features[kept], labels[kept])
        probabilities = one.probabilities(features)
        np.testing.assert_allclose(probabilities[:, alone.classes_], alone.predict_proba(features), atol=2e-3)
        assert (probabilities[:, [4, 6]] == 0).all()
        assert one.accuracy(features, labels) == (probabilities.argmax(axis=1) == labels).mean()


def test_the_probe_of_many_classes_says_when_it_stopped_short() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 6, 100)
    classifier = ManyClassRegression(max_iter=1)
    assert not classifier.fit(random.normal(size=(100, 5)), labels, 10.0)
