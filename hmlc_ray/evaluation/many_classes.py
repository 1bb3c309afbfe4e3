"""Multinomial logistic regression for so many samples and classes that their matrix must not exist."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import softmax

from hmlc_ray.taxonomy import IntArray

FloatArray = npt.NDArray[np.float64]

_NUMBERS_AT_ONCE = 1 << 21
_TOLERANCE = 1e-4
"""Of the gradient's largest entry; scikit-learn's default, as all else that decides where the solver ends."""
_CORRECTIONS = 4
"""Pairs of vectors that L-BFGS keeps, each as large as all weights; scikit-learn's 10 need a gigabyte more."""


class ManyClassRegression:
    """What `sklearn.linear_model.LogisticRegression(warm_start=True)` minimises, a block of samples at a time:

    mean_i -log p_i[y_i] + |W|^2 / (2 C n), with p = softmax(W x + b).
    """

    def __init__(self, max_iter: int) -> None:
        self.max_iter = max_iter
        self.classes_: IntArray = np.empty(0, dtype=np.int64)
        self.weights = np.empty((0, 0))
        """float64 [K, F + 1]: W, and b in the last column."""

    def fit(self, features: FloatArray, labels: IntArray, regularisation: float) -> bool:
        """Fit to features [n, F] and labels [n], from where the last fit ended; whether the solver converged."""
        self.classes_, target = np.unique(labels, return_inverse=True)
        shape = (len(self.classes_), features.shape[1] + 1)
        start = self.weights if self.weights.shape == shape else np.zeros(shape)
        found = minimize(
            self._loss,
            start.ravel(),
            args=(shape, features, target, 1 / (regularisation * len(features))),
            jac=True,
            method="L-BFGS-B",
            options={
                "maxiter": self.max_iter,
                "maxls": 50,
                "gtol": _TOLERANCE,
                "ftol": 64 * np.finfo(float).eps,
                "maxcor": _CORRECTIONS,
            },
        )
        self.weights = found.x.reshape(shape)
        return bool(found.success)

    def predict_proba(self, features: FloatArray) -> FloatArray:
        """float64 [n, K]."""
        probabilities: FloatArray = softmax(features @ self.weights[:, :-1].T + self.weights[:, -1], axis=1)
        return probabilities

    @staticmethod
    def _loss(
        flat: FloatArray, shape: tuple[int, int], features: FloatArray, target: IntArray, penalty: float
    ) -> tuple[float, FloatArray]:
        weights = flat.reshape(shape)
        gradient = penalty * weights
        gradient[:, -1] = 0
        loss = 0.5 * penalty * float(np.square(weights[:, :-1]).sum())
        size = max(1, _NUMBERS_AT_ONCE // shape[0])
        for start in range(0, len(features), size):
            rows, labels = features[start : start + size], target[start : start + size]
            error, index = rows @ weights[:, :-1].T, np.arange(len(rows))
            error += weights[:, -1]
            error -= error.max(axis=1, keepdims=True)
            own = error[index, labels]
            # In place: these passes over all classes are what takes the time.
            total = np.exp(error, out=error).sum(axis=1)
            loss += float((np.log(total) - own).sum()) / len(features)
            error /= len(features) * total[:, None]
            error[index, labels] -= 1 / len(features)
            gradient[:, :-1] += error.T @ rows
            gradient[:, -1] += error.sum(axis=0)
        return loss, gradient.ravel()
