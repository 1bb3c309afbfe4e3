"""Multinomial logistic regression in torch: on a GPU, and where the matrix of samples and classes must not exist."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import softmax
from threadpoolctl import threadpool_limits
from torch import Tensor

from hmlc_ray.arrays import FloatArray, IntArray

_NUMBERS_AT_ONCE = 1 << 21
_NUMBERS_AT_ONCE_GPU = 1 << 25
_TOLERANCE = 1e-4
"""Tolerance of the gradient's largest entry; scikit-learn's default, as in all else that ends the solver."""
_CORRECTIONS = 4
"""Pairs of vectors that L-BFGS keeps, each as large as all weights; scikit-learn's 10 need a gigabyte more."""


class ManyClassRegression:
    """What `sklearn.linear_model.LogisticRegression(warm_start=True)` minimises, a block of samples at a time:

    mean_i -log p_i[y_i] + |W|^2 / (2 C n), with p = softmax(W x + b).

    The loss and its gradient are computed on `device`, in float64; the solver, SciPy's L-BFGS-B, runs on the CPU.
    """

    def __init__(self, max_iter: int, device: torch.device | str = "cpu") -> None:
        self.max_iter = max_iter
        self.device = torch.device(device)
        self.classes_: IntArray = np.empty(0, dtype=np.int64)
        self.weights = np.empty((0, 0))
        """float64 [K, F + 1]: W, and b in the last column."""

    def fit(self, features: FloatArray | Tensor, labels: IntArray, regularisation: float) -> bool:
        """Fit to features [n, F] and labels [n], from where the last fit ended; whether the solver converged."""
        self.classes_, target = np.unique(labels, return_inverse=True)
        shape = (len(self.classes_), features.shape[1] + 1)
        start = self.weights if self.weights.shape == shape else np.zeros(shape)
        rows, classes = (torch.as_tensor(values, device=self.device) for values in (features, target))
        with self._threads():
            solution = minimize(
                self._loss,
                start.ravel(),
                args=(shape, rows, classes, 1 / (regularisation * len(rows))),
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
        self.weights = solution.x.reshape(shape)
        return bool(solution.success)

    def predict_proba(self, features: FloatArray) -> FloatArray:
        """float64 [n, K]."""
        probabilities: FloatArray = softmax(features @ self.weights[:, :-1].T + self.weights[:, -1], axis=1)
        return probabilities

    def _threads(self) -> AbstractContextManager[object]:
        """Limit the solver's threads: where the loss is on a GPU, its vectors here are too short to be shared."""
        gpu = self.device.type == "cuda"
        return threadpool_limits(limits=1, user_api="blas") if gpu else nullcontext()

    @staticmethod
    def _loss(
        flat: FloatArray, shape: tuple[int, int], features: Tensor, target: Tensor, penalty: float
    ) -> tuple[float, FloatArray]:
        weights = torch.from_numpy(flat).to(features.device).view(shape)
        gradient = penalty * weights
        gradient[:, -1] = 0
        loss = 0.5 * penalty * weights[:, :-1].square().sum()
        size = max(1, (_NUMBERS_AT_ONCE if features.device.type == "cpu" else _NUMBERS_AT_ONCE_GPU) // shape[0])
        for rows, labels in zip(torch.split(features, size), torch.split(target, size), strict=True):
            index = torch.arange(len(rows), device=rows.device)
            error = torch.addmm(weights[:, -1], rows, weights[:, :-1].T)
            error -= error.amax(dim=1, keepdim=True)
            own = error[index, labels]
            # Computed in place: these passes over all classes are what takes the time.
            total = error.exp_().sum(dim=1)
            loss += (total.log() - own).sum() / len(features)
            error /= len(features) * total[:, None]
            error[index, labels] -= 1 / len(features)
            gradient[:, :-1].addmm_(error.T, rows)
            gradient[:, -1] += error.sum(dim=0)
        both = torch.cat([loss[None], gradient.flatten()]).cpu().numpy()  # one wait for the device
        return float(both[0]), both[1:]
