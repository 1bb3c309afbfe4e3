"""The linear probe: multinomial logistic regression on standardised frozen features, one per level."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from sklearn import config_context
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from hmlc_ray.arrays import FloatArray, IntArray
from hmlc_ray.evaluation.many_classes import ManyClassRegression
from hmlc_ray.evaluation.principal_axes import CPU, TrainingRows

MOST_NUMBERS = 1 << 25
"""Samples times classes up to which scikit-learn fits on a CPU, where it keeps some such matrices of float64."""
MOST_WORK = 1 << 28
"""Samples times features times classes up to which scikit-learn fits on a CPU, as it always has: of such data it takes
seconds, and earlier results are the same to the last digit. Beyond, the solver in torch is many times as fast."""
_LEAST_CLASSES = 16
"""Fewer classes cost as much: reading the features takes the time."""


@dataclass(frozen=True)
class Probe:
    """A fitted probe of one level."""

    classifier: LogisticRegression | ManyClassRegression | DummyClassifier
    num_classes: int
    """C_h, classes that training never saw included."""
    regularisation: float
    """C, the inverse of the L2 penalty's strength."""
    converged: bool

    def probabilities(self, features: FloatArray) -> FloatArray:
        """float64 [n, C_h] from standardised features [n, F]; 0 for classes that training never saw."""
        result = np.zeros((len(features), self.num_classes))
        result[:, self.classifier.classes_] = self.classifier.predict_proba(features)
        return result

    def accuracy(self, features: FloatArray, labels: IntArray) -> float:
        """Top-1 on standardised features [n, F] with labels [n]."""
        size = max(1, MOST_NUMBERS // self.num_classes)
        right = 0
        for start in range(0, len(labels), size):
            found = self.probabilities(features[start : start + size]).argmax(axis=1)
            right += int((found == labels[start : start + size]).sum())
        return right / len(labels)


def fit_probes(
    features: FloatArray | TrainingRows,
    labels: IntArray,
    num_classes: int,
    candidates: Sequence[float],
    max_iter: int,
    device: torch.device = CPU,
) -> Iterator[Probe]:
    """One probe per candidate C, ascending, each started from the one before it.

    Args:
        features: float64 [N, F], standardised; as `TrainingRows` where they are fitted to more than once.
        labels: int64 [N], classes of one level in [0, num_classes).
        device: of features that are not `TrainingRows`, where the loss is computed.
    """
    rows = features if isinstance(features, TrainingRows) else TrainingRows(features, device)
    if len(np.unique(labels)) == 1:
        # Nothing to separate, and logistic regression refuses: the one class is certain whatever C is.
        constant = DummyClassifier(strategy="prior").fit(rows.features, labels)
        yield Probe(constant, num_classes, min(candidates), converged=True)
        return
    if rows.device.type == "cuda" or _is_large(rows.features, num_classes):
        yield from _many(rows, labels, num_classes, candidates, max_iter)
        return
    classifier = LogisticRegression(max_iter=max_iter, warm_start=True)
    for candidate in sorted(candidates):
        classifier.set_params(C=candidate)
        converged = _fit(classifier, rows.features, labels)
        yield Probe(copy.deepcopy(classifier), num_classes, candidate, converged)


def choose_probe(probes: Iterator[Probe], features: FloatArray, labels: IntArray) -> Probe:
    """The probe with the best top-1 on validation (features [n, F], labels [n]); of equals the smallest C."""
    return max(probes, key=lambda probe: probe.accuracy(features, labels))


def _is_large(features: FloatArray, num_classes: int) -> bool:
    return len(features) * num_classes > MOST_NUMBERS or features.size * max(num_classes, _LEAST_CLASSES) > MOST_WORK


def _many(
    rows: TrainingRows, labels: IntArray, num_classes: int, candidates: Sequence[float], max_iter: int
) -> Iterator[Probe]:
    classifier = ManyClassRegression(max_iter, rows.device)
    for candidate in sorted(candidates):
        converged = classifier.fit(rows, labels, candidate)
        yield Probe(classifier.fitted(), num_classes, candidate, converged)


def _fit(classifier: LogisticRegression, features: FloatArray, labels: IntArray) -> bool:
    """Fit; whether the solver converged. Its warning is a fact to record here, not a message for the user."""
    # Checking parameters, which are right here, takes a tenth of a small fit.
    with warnings.catch_warnings(record=True) as caught, config_context(skip_parameter_validation=True):
        warnings.simplefilter("always")
        classifier.fit(features, labels)
    unconverged = [record for record in caught if issubclass(record.category, ConvergenceWarning)]
    for record in caught:
        if record not in unconverged:
            warnings.warn_explicit(record.message, record.category, record.filename, record.lineno)
    return not unconverged
