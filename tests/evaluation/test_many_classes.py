"""The solver of large probes against scikit-learn's, converged tightly, and where logistic regression degenerates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from torch.utils._python_dispatch import TorchDispatchMode

from hmlc_ray.errors import TrainingError
from hmlc_ray.evaluation import probe
from hmlc_ray.evaluation.many_classes import ManyClassRegression
from hmlc_ray.evaluation.principal_axes import TrainingRows

CANDIDATES = (1e-3, 1e-2, 1e-1, 1.0, 10.0)


def made(samples: int, features: int, classes: int, seed: int = 0, gap: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Standardised features with correlations of very different strength, and labels of classes that overlap."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(samples) % classes)
    values = gap * random.normal(size=(classes, features))[labels] + random.normal(size=(samples, features))
    mixed = (values / np.arange(1, features + 1)) @ random.normal(size=(features, features))
    return (mixed - mixed.mean(axis=0)) / mixed.std(axis=0), labels


def loss(features: np.ndarray, labels: np.ndarray, classifier: Any, regularisation: float) -> float:
    """What scikit-learn minimises, by its documentation, of any classifier's own probabilities and weights."""
    own = classifier.predict_proba(features)[np.arange(len(labels)), np.searchsorted(classifier.classes_, labels)]
    if isinstance(classifier, LogisticRegression):
        weights = classifier.coef_
    else:
        weights = classifier.weights[:, :-1]
        if len(weights) == 2:
            weights = weights[1:] - weights[:1]
    return float(-np.log(own).mean() + np.square(weights).sum() / (2 * regularisation * len(labels)))


def tight(features: np.ndarray, labels: np.ndarray, regularisation: float) -> LogisticRegression:
    classifier = LogisticRegression(C=regularisation, solver="newton-cholesky", tol=1e-10, max_iter=500)
    return classifier.fit(features, labels)


@settings(max_examples=12, deadline=None)
@given(
    samples=st.integers(20, 150),
    features=st.integers(1, 40),
    classes=st.integers(2, 6),
    seed=st.integers(0, 999),
    gap=st.floats(0, 3),
)
def test_it_reaches_the_minimum_along_the_whole_path(
    samples: int, features: int, classes: int, seed: int, gap: float
) -> None:
    inputs, labels = made(samples, features, classes, seed, gap)
    rows, own = TrainingRows(inputs), ManyClassRegression(max_iter=1000, tolerance=1e-9)
    for regularisation in CANDIDATES:
        own.fit(rows, labels, regularisation)
        best = loss(inputs, labels, tight(inputs, labels, regularisation), regularisation)
        assert loss(inputs, labels, own, regularisation) == pytest.approx(best, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("classes", [2, 7])
def test_at_the_usual_tolerance_it_predicts_what_the_minimum_does(classes: int) -> None:
    inputs, labels = made(1500, 24, classes)
    rows, own = TrainingRows(inputs[:1000]), ManyClassRegression(max_iter=300)
    for regularisation in CANDIDATES:
        assert own.fit(rows, labels[:1000], regularisation)
        best = tight(inputs[:1000], labels[:1000], regularisation)
        np.testing.assert_allclose(own.predict_proba(inputs), best.predict_proba(inputs), atol=0.02)
        predicted = own.predict_proba(inputs).argmax(axis=1)
        assert (predicted == best.predict_proba(inputs).argmax(axis=1)).mean() > 0.995
        excess = loss(inputs[:1000], labels[:1000], own, regularisation) / loss(
            inputs[:1000], labels[:1000], best, regularisation
        )
        assert 1 - 1e-9 < excess < 1 + 5e-5


def degenerate() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    inputs, labels = made(120, 6, 3)
    constant = np.concatenate([inputs, np.zeros((120, 1)), inputs[:, :1]], axis=1)
    lonely = labels.copy()
    lonely[0] = 3
    separable = np.eye(3)[labels] * 5 - 5 / 3
    return {
        "a class with one sample": (inputs, lonely),
        "a class that training never saw": (inputs[labels != 1], labels[labels != 1] * 2),
        "a constant and a repeated feature": (constant, labels),
        "no feature varies": (np.zeros((120, 2)), labels),
        "fewer samples than features": made(12, 40, 3),
        "separable": (separable, labels),
    }


@pytest.mark.parametrize("regularisation", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("name", degenerate())
def test_where_logistic_regression_degenerates(name: str, regularisation: float) -> None:
    inputs, labels = degenerate()[name]
    own = ManyClassRegression(max_iter=300)
    own.fit(TrainingRows(inputs), labels, regularisation)
    probabilities = own.predict_proba(inputs)
    assert np.isfinite(own.weights).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(own.classes_, np.unique(labels))
    usual = LogisticRegression(C=regularisation, max_iter=1000, tol=1e-6).fit(inputs, labels)
    assert (own.classes_[probabilities.argmax(axis=1)] == labels).mean() == pytest.approx(
        usual.score(inputs, labels), abs=0.017 if regularisation > 1 else 0.009
    )


def test_many_features_are_not_rotated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmlc_ray.evaluation.principal_axes._MOST_ROTATED", 3)
    inputs, labels = made(200, 8, 4)
    own = ManyClassRegression(max_iter=500)
    assert TrainingRows(inputs).axes is None
    assert own.fit(inputs, labels, 0.1)
    np.testing.assert_allclose(own.predict_proba(inputs), tight(inputs, labels, 0.1).predict_proba(inputs), atol=0.01)


def test_features_that_are_not_finite_are_refused() -> None:
    inputs, labels = made(50, 4, 3)
    inputs[7, 2] = np.nan
    with pytest.raises(TrainingError, match="not finite"):
        ManyClassRegression(max_iter=10).fit(inputs, labels, 1.0)


def test_the_same_inputs_give_the_same_weights() -> None:
    inputs, labels = made(3000, 20, 5)
    fits = [ManyClassRegression(max_iter=100) for _ in range(2)]
    for own in fits:
        own.fit(inputs, labels, 1.0)
    np.testing.assert_array_equal(fits[0].weights, fits[1].weights)


def test_work_decides_who_fits_and_small_probes_are_scikit_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, labels = made(200, 8, 4)
    alone = LogisticRegression(C=0.1, max_iter=300).fit(inputs, labels)
    (small,) = probe.fit_probes(TrainingRows(inputs), labels, 4, (0.1,), 300)
    np.testing.assert_array_equal(small.probabilities(inputs), alone.predict_proba(inputs))
    monkeypatch.setattr(probe, "MOST_WORK", 200 * 8 * 16 - 1)
    (large,) = probe.fit_probes(TrainingRows(inputs), labels, 4, (0.1,), 300)
    assert isinstance(large.classifier, ManyClassRegression)
    assert large.accuracy(inputs, labels) == pytest.approx(small.accuracy(inputs, labels), abs=0.006)


def test_no_matrix_is_larger_than_the_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmlc_ray.evaluation.many_classes._NUMBERS_AT_ONCE", 1000)

    class Sizes(TorchDispatchMode):
        """The numbers of the largest tensor that any operation gives."""

        largest = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            for value in result if isinstance(result, (list, tuple)) else [result]:
                if isinstance(value, torch.Tensor):
                    self.largest = max(self.largest, value.numel())
            return result

    inputs, labels = made(500, 5, 30)
    with Sizes() as sizes:
        ManyClassRegression(max_iter=3).fit(inputs, labels, 1.0)
    assert sizes.largest == inputs.size
