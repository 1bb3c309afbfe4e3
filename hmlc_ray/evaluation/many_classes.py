"""Multinomial logistic regression in torch: for many samples, features or classes, and on a GPU."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import softmax
from threadpoolctl import threadpool_limits
from torch import Tensor

from hmlc_ray.arrays import FloatArray, IntArray
from hmlc_ray.evaluation.principal_axes import TrainingRows

_NUMBERS_AT_ONCE = 1 << 21
_NUMBERS_AT_ONCE_GPU = 1 << 25
TOLERANCE = 1e-7
"""How far above the minimum the loss may be, of itself, when the solver stops, by an estimate."""
_LEAST_LOSS = 1e-3
"""The tolerance is not of less: every training sample is then all but certain, and the minimum may be at infinity."""
_LEAST_CURVATURE = 1e-3
"""Of a class's curvature before anything is learned."""
_MANY_WEIGHTS = 1 << 21
_CORRECTIONS, _CORRECTIONS_MANY = 20, 4
"""Pairs of vectors that L-BFGS keeps, each as large as all weights: fewer of many weights, to bound memory."""


class ManyClassRegression:
    """What `sklearn.linear_model.LogisticRegression(warm_start=True)` minimises, a block of samples at a time:

    mean_i -log p_i[y_i] + |W|^2 / (2 C n), with p = softmax(W x + b), and twice the penalty for two classes, as
    scikit-learn then has one vector of weights.

    SciPy's L-BFGS-B, on the CPU, works in coordinates in which the problem is well conditioned: the features' principal
    axes, scaled by an estimate of the curvature. Loss and gradient are computed on `device`, in float32 until the
    tolerance is met, then in float64, which decides on convergence and continues where need be.
    """

    def __init__(self, max_iter: int, device: torch.device | str = "cpu", *, tolerance: float = TOLERANCE) -> None:
        self.max_iter = max_iter
        self.device = torch.device(device)
        self.tolerance = tolerance
        self.classes_: IntArray = np.empty(0, dtype=np.int64)
        self.weights = np.empty((0, 0))
        """float64 [K, F + 1]: W, and b in the last column."""
        self.evaluations = 0
        """Of loss and gradient, in the last fit."""
        self._path: list[tuple[float, Tensor]] = []
        self._curvature = torch.empty(0)

    def fit(self, features: FloatArray | TrainingRows, labels: IntArray, regularisation: float) -> bool:
        """Fit to features [n, F] and labels [n], from what the last fits lead to expect; whether the solver converged.

        Raises:
            TrainingError: if a feature is not finite.
        """
        rows = features if isinstance(features, TrainingRows) else TrainingRows(features, self.device)
        self.classes_, target, counts = np.unique(labels, return_inverse=True, return_counts=True)
        problem = _Problem(rows, torch.as_tensor(target, device=rows.device), len(counts), regularisation)
        start = self._start(torch.as_tensor(counts / counts.sum(), device=rows.device), rows, regularisation)
        scale = problem.scale(self._curvature)
        with self._threads():
            found, steps = self._minimise(problem, start, scale, torch.float32, self.max_iter)
            value = problem.at(found, torch.float64)
            if not self._reached(value, scale) and steps < self.max_iter:
                found, _ = self._minimise(problem, found, scale, torch.float64, self.max_iter - steps)
                value = problem.at(found, torch.float64)
        self.evaluations = problem.evaluations
        self._curvature = torch.maximum(value.curvature, self._least_curvature)
        self._path = [*self._path[-1:], (np.log(regularisation), found)]
        self.weights = rows.from_axes(found).cpu().numpy()
        return self._reached(value, scale)

    def predict_proba(self, features: FloatArray) -> FloatArray:
        """float64 [n, K]."""
        probabilities: FloatArray = softmax(features @ self.weights[:, :-1].T + self.weights[:, -1], axis=1)
        return probabilities

    def _start(self, shares: Tensor, rows: TrainingRows, regularisation: float) -> Tensor:
        """Weights along the axes: on the line through the last two solutions over log C, as far as there are any."""
        shape = (len(shares), len(rows.variances) + 1)
        prior = shares * (1 - shares)
        self._least_curvature = _LEAST_CURVATURE * prior
        if not self._path or self._path[-1][1].shape != shape:
            self._path, self._curvature = [], prior
            start = torch.zeros(shape, dtype=torch.float64, device=rows.device)
            start[:, -1] = shares.log()
            return start
        (last, weights), (before, earlier) = self._path[-1], self._path[0]
        if last == before:
            return weights
        return weights + (np.log(regularisation) - last) / (last - before) * (weights - earlier)

    def _minimise(
        self, problem: _Problem, start: Tensor, scale: Tensor, dtype: torch.dtype, steps: int
    ) -> tuple[Tensor, int]:
        """Weights along the axes, and the steps it took, at most `steps`."""
        last: list[_Value] = []

        def loss(flat: FloatArray) -> tuple[float, FloatArray]:
            value = problem.at(torch.from_numpy(flat).to(scale.device).view_as(scale) * scale, dtype)
            last[:] = [value]
            return value.loss, (value.gradient * scale).flatten().cpu().numpy()

        def check(_: FloatArray) -> None:
            if self._reached(last[0], scale, 0.5 if dtype == torch.float32 else 1):
                raise StopIteration

        many = scale.numel() > _MANY_WEIGHTS
        solution = minimize(
            loss,
            (start / scale).flatten().cpu().numpy(),
            jac=True,
            method="L-BFGS-B",
            callback=check,
            options={
                "maxiter": steps,
                "maxls": 50,
                "gtol": 0,
                "ftol": 1e-9 if dtype == torch.float32 else 64 * np.finfo(float).eps,
                "maxcor": _CORRECTIONS_MANY if many else _CORRECTIONS,
            },
        )
        return torch.from_numpy(solution.x).to(scale.device).view_as(scale) * scale, int(solution.nit)

    def _reached(self, value: _Value, scale: Tensor, part: float = 1) -> bool:
        """Whether the step that the estimated curvature proposes would lower the loss by less than the tolerance."""
        gain = 0.5 * float((value.gradient * scale).square().sum())
        return gain <= part * self.tolerance * max(value.loss, _LEAST_LOSS)

    def _threads(self) -> AbstractContextManager[object]:
        """Limit the solver's threads: where the loss is on a GPU, its vectors here are too short to be shared."""
        gpu = self.device.type == "cuda"
        return threadpool_limits(limits=1, user_api="blas") if gpu else nullcontext()


@dataclass(frozen=True)
class _Value:
    """The loss at some weights."""

    loss: float
    gradient: Tensor
    """float64 [K, F + 1]."""
    curvature: Tensor
    """float64 [K]: mean of p (1 - p); empty in single precision."""


class _Problem:
    """The loss of weights along the axes, float64 [K, F + 1] with the intercept last."""

    def __init__(self, rows: TrainingRows, target: Tensor, classes: int, regularisation: float) -> None:
        self.rows, self.target = rows, target
        self.penalty = (2 if classes == 2 else 1) / (regularisation * len(rows))
        at_once = _NUMBERS_AT_ONCE if rows.device.type == "cpu" else _NUMBERS_AT_ONCE_GPU
        self.size = max(1, at_once // max(classes, len(rows.variances)))
        self.evaluations = 0

    def scale(self, curvature: Tensor) -> Tensor:
        """float64 [K, F + 1]: the coordinates' units in which the estimated curvature is 1."""
        along = curvature[:, None] * self.rows.variances + self.penalty
        return torch.cat([along, curvature[:, None]], dim=1).rsqrt()

    def at(self, weights: Tensor, dtype: torch.dtype) -> _Value:
        self.evaluations += 1
        exact = dtype == torch.float64
        features = self.rows.exact if exact else self.rows.rotated
        used = (self.rows.from_axes(weights) if exact else weights).to(dtype)
        loss, gradient, curvature = self._data_term(features, used, exact)
        gradient = self.rows.to_axes(gradient) if exact else gradient
        gradient[:, :-1] += self.penalty * weights[:, :-1]
        loss += 0.5 * self.penalty * weights[:, :-1].square().sum()
        return _Value(float(loss), gradient, curvature)

    def _data_term(self, features: Tensor, weights: Tensor, exact: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Mean loss, its gradient [K, F + 1], both float64, and the curvature by class, where `exact`."""
        loss = torch.zeros((), dtype=torch.float64, device=weights.device)
        gradient, curvature = torch.zeros_like(weights), torch.zeros_like(weights[:, 0])
        for rows, labels in zip(torch.split(features, self.size), torch.split(self.target, self.size), strict=True):
            error = torch.log_softmax(torch.addmm(weights[:, -1], rows, weights[:, :-1].T), dim=1)
            loss -= error.gather(1, labels[:, None]).sum(dtype=torch.float64)
            error.exp_()
            if exact:
                curvature += error.sum(dim=0) - error.square().sum(dim=0)
            error.scatter_add_(1, labels[:, None], error.new_full((len(labels), 1), -1))
            gradient[:, :-1].addmm_(error.T, rows)
            gradient[:, -1] += error.sum(dim=0)
        count = len(features)
        return loss / count, gradient.double() / count, curvature.double() / count if exact else curvature.new_empty(0)
