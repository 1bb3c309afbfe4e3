from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression

from hmlc_ray.evaluation.probe import choose_probe, fit_probes


def _blobs(seed: int = 0, centers: int = 4) -> tuple[np.ndarray, np.ndarray]:
    features, labels = make_blobs(200, n_features=6, centers=centers, cluster_std=4.0, random_state=seed)
    return (features - features.mean(0)) / features.std(0), labels.astype(np.int64)


def test_warm_start_reaches_the_cold_optimum() -> None:
    features, labels = _blobs()
    for probe in fit_probes(features, labels, 4, (1.0, 0.01, 0.1), max_iter=500):
        cold = LogisticRegression(C=probe.regularisation, max_iter=500).fit(features, labels)
        np.testing.assert_allclose(probe.probabilities(features), cold.predict_proba(features), atol=2e-3)
        assert probe.converged


def test_candidates_are_tried_from_the_smallest() -> None:
    features, labels = _blobs()
    assert [p.regularisation for p in fit_probes(features, labels, 4, (1.0, 0.01, 0.1), 300)] == [0.01, 0.1, 1.0]


def test_the_best_on_validation_is_chosen_and_of_equals_the_smallest() -> None:
    features, labels = _blobs()
    candidates = (1e-6, 1e-3, 1.0, 10.0)
    probes = list(fit_probes(features[:120], labels[:120], 4, candidates, 300))
    scores = [(p.probabilities(features[120:]).argmax(1) == labels[120:]).mean() for p in probes]
    chosen = choose_probe(iter(probes), features[120:], labels[120:])
    assert chosen.regularisation == candidates[int(np.argmax(scores))]
    separable = np.concatenate([labels[:, None] * 10.0, np.zeros((len(labels), 1))], axis=1)[labels < 2]
    equals = fit_probes(separable, labels[labels < 2], 2, (1.0, 0.1), 300)
    assert choose_probe(equals, separable, labels[labels < 2]).regularisation == 0.1


def test_a_class_that_training_never_saw_gets_probability_zero() -> None:
    features, labels = _blobs()
    seen = labels != 2
    (probe,) = fit_probes(features[seen], labels[seen], 6, (0.1,), 300)
    probabilities = probe.probabilities(features)
    assert probabilities.shape == (200, 6)
    assert (probabilities[:, [2, 4, 5]] == 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


@pytest.mark.parametrize("only", [0, 2])
def test_a_level_with_one_class_in_training(only: int) -> None:
    features, _ = _blobs()
    (probe,) = fit_probes(features, np.full(len(features), only), 3, (1.0, 0.1), 300)
    assert probe.converged
    assert probe.regularisation == 0.1
    np.testing.assert_array_equal(probe.probabilities(features).argmax(axis=1), only)


def test_stopping_short_is_recorded_and_warns_nobody() -> None:
    features, labels = _blobs()
    (probe,) = fit_probes(features, labels, 4, (100.0,), max_iter=1)
    assert not probe.converged
