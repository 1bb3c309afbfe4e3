from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from hmlc_ray.evaluation.clusters import cluster_metrics


def _groups(spread: float) -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(np.arange(3), 20)
    noise = np.random.default_rng(0).normal(scale=spread, size=(60, 3))
    return (np.eye(3)[labels] + noise).astype(np.float32), labels


def test_separate_groups_score_one() -> None:
    metrics = cluster_metrics(*_groups(1e-3), seed=0)
    assert metrics["nmi"] == pytest.approx(1)
    assert metrics["silhouette"] == pytest.approx(1, abs=1e-3)


def test_silhouette_is_the_cosine_one_of_the_true_classes() -> None:
    features, labels = _groups(0.5)
    metrics = cluster_metrics(features * np.float32(7), labels, seed=0)
    assert metrics["silhouette"] == pytest.approx(silhouette_score(features, labels, metric="cosine"), abs=1e-5)
    assert 0 < metrics["nmi"] < 1


def test_the_same_seed_gives_the_same_figures() -> None:
    assert cluster_metrics(*_groups(1.0), seed=5) == cluster_metrics(*_groups(1.0), seed=5)


def test_collapsed_features_score_nothing_and_warn_nobody() -> None:
    metrics = cluster_metrics(np.ones((9, 4), dtype=np.float32), np.repeat(np.arange(3), 3), seed=0)
    assert metrics == {"nmi": pytest.approx(0), "silhouette": pytest.approx(0, abs=1e-6)}


def test_undefined_figures_are_left_out() -> None:
    features, _ = _groups(1.0)
    assert cluster_metrics(features, np.zeros(60, dtype=np.int64), seed=0) == {}
    assert set(cluster_metrics(features, np.arange(60), seed=0)) == {"nmi"}
