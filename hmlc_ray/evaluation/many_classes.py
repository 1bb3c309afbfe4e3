"""Multinomial logistic regression in torch: for many samples, features or classes, and on a GPU."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from scipy.special import softmax
from threadpoolctl import threadpool_limits
from torch import Tensor

from hmlc_ray.arrays import FloatArray, IntArray
from hmlc_ray.evaluation.principal_axes import TrainingRows
from hmlc_ray.evaluation.quasi_newton import Memory, Point, minimise

_NUMBERS_AT_ONCE = 1 << 19
"""Numbers of a block of features, or of its scores: 2 MB of float32, which caches hold."""
_NUMBERS_AT_ONCE_GPU = 1 << 25
TOLERANCE = 1e-6
"""How far above the minimum the loss may be when the solver stops, by an estimate: as a part of the loss, or of how far
it is below that of no features, if that is less."""
_LEAST_LOSS = 1e-3
"""The tolerance is not of less: every training sample is then all but certain, and the minimum may be at infinity."""
_LEAST_LEARNT = 1e-9
"""The tolerance is not of less: no feature says anything."""
_LEAST_CURVATURE = 1e-3
"""The least curvature of a class, as a part of its curvature before anything is learned."""


class ManyClassRegression:
    """What `sklearn.linear_model.LogisticRegression(warm_start=True)` minimises, a block of samples at a time:

    mean_i -log p_i[y_i] + |W|^2 / (2 C n), with p = softmax(W x + b), and twice the penalty for two classes, as
    scikit-learn then has one vector of weights.

    L-BFGS works along the features' principal axes, preconditioned by an estimate of the curvature along each. Loss
    and gradient are computed on `device`, in float32; in float64 only where rounding hides the way to the minimum.
    """

    def __init__(self, max_iter: int, device: torch.device | str = "cpu", *, tolerance: float = TOLERANCE) -> None:
        self.max_iter = max_iter
        self.device = torch.device(device)
        self.tolerance = tolerance
        self.classes_: IntArray = np.empty(0, dtype=np.int64)
        self.weights = np.empty((0, 0))
        """float64 [K, F + 1]: W, and b in the last column."""
        self.evaluations = 0
        """Evaluations of loss and gradient in the last fit."""
        self._path: list[tuple[float, Tensor]] = []
        self._memory = Memory()

    def fit(self, features: FloatArray | TrainingRows, labels: IntArray, regularisation: float) -> bool:
        """Fit to features [n, F] and labels [n], from what the last fits lead to expect; whether the solver converged.

        The last fits have to be to the same features and labels, if they had as many of both.

        Raises:
            TrainingError: if a feature is not finite.
        """
        rows = features if isinstance(features, TrainingRows) else TrainingRows(features, self.device)
        self.classes_, target, counts = np.unique(labels, return_inverse=True, return_counts=True)
        shares = torch.as_tensor(counts / counts.sum(), device=rows.device)
        problem = _Problem(rows, torch.as_tensor(target, device=rows.device), shares, regularisation)
        start = self._start(shares, rows, regularisation)
        with self._threads():
            point, steps = self._minimise(problem, start, torch.float32, self.max_iter)
            if not problem.reached(point, self.tolerance) and steps < self.max_iter:
                point, _ = self._minimise(problem, point.weights, torch.float64, self.max_iter - steps)
        self.evaluations = problem.evaluations
        self._path = [*self._path[-1:], (regularisation, point.weights)]
        self.weights = rows.from_axes(point.weights).cpu().numpy()
        return problem.reached(point, self.tolerance)

    def fitted(self) -> ManyClassRegression:
        """The last fit, which later ones do not change, without what they start from."""
        result = ManyClassRegression(self.max_iter, self.device, tolerance=self.tolerance)
        result.classes_, result.weights, result.evaluations = self.classes_, self.weights, self.evaluations
        return result

    def predict_proba(self, features: FloatArray) -> FloatArray:
        """float64 [n, K]."""
        probabilities: FloatArray = softmax(features @ self.weights[:, :-1].T + self.weights[:, -1], axis=1)
        return probabilities

    def _start(self, shares: Tensor, rows: TrainingRows, regularisation: float) -> Tensor:
        """Weights along the axes: on the line through the last two solutions over log C, as far as there are any."""
        shape = (len(shares), len(rows.variances) + 1)
        if not self._path or self._path[-1][1].shape != shape:
            self._path, self._memory = [], Memory()
            start = torch.zeros(shape, dtype=torch.float64, device=rows.device)
            start[:, -1] = shares.log()
            return start
        (last, weights), (before, earlier) = self._path[-1], self._path[0]
        added = torch.zeros_like(weights)
        added[:, :-1] = _penalty(len(shares), regularisation, len(rows)) - _penalty(len(shares), last, len(rows))
        self._memory.add_quadratic(added)
        if last == before:
            return weights
        ahead = float(np.log(regularisation / last) / np.log(last / before))
        return weights + ahead * (weights - earlier)

    def _minimise(self, problem: _Problem, start: Tensor, dtype: torch.dtype, steps: int) -> tuple[Point, int]:
        def at(weights: Tensor) -> Point:
            return problem.at(weights, dtype)

        def reached(point: Point) -> bool:
            return problem.reached(point, self.tolerance)

        return minimise(at, start, self._memory, reached, steps, dtype)

    def _threads(self) -> AbstractContextManager[object]:
        """Limit the solver's threads: where the loss is on a GPU, its vectors here are too short to be shared."""
        gpu = self.device.type == "cuda"
        return threadpool_limits(limits=1, user_api="blas") if gpu else nullcontext()


class _Problem:
    """The loss of weights along the axes, float64 [K, F + 1] with the intercept last."""

    def __init__(self, rows: TrainingRows, target: Tensor, shares: Tensor, regularisation: float) -> None:
        self.rows, self.target, self.shares = rows, target, shares
        self.penalty = _penalty(len(shares), regularisation, len(rows))
        at_once = _NUMBERS_AT_ONCE if rows.device.type == "cpu" else _NUMBERS_AT_ONCE_GPU
        self.size = max(1, at_once // max(len(shares), len(rows.variances)))
        self.evaluations = 0

    def at(self, weights: Tensor, dtype: torch.dtype) -> Point:
        """The point, computed in `dtype`."""
        self.evaluations += 1
        exact = dtype == torch.float64
        features = self.rows.exact if exact else self.rows.rotated
        used = (self.rows.from_axes(weights) if exact else weights).to(dtype)
        loss, gradient, squares = self._data_term(features, used)
        curvature = gradient[:, -1] + self.shares - squares
        gradient = self.rows.to_axes(gradient) if exact else gradient
        gradient[:, :-1] += self.penalty * weights[:, :-1]
        return Point(weights, float(loss) + self._shrinkage(weights), gradient, 1 / self._along(curvature))

    def reached(self, point: Point, tolerance: float) -> bool:
        """Whether the loss is as close to its minimum as the tolerance demands."""
        unlearnt = float(torch.special.entr(self.shares).sum())
        # At the minimum the second is at most the first, which rounding hides where C is small.
        learnt = max(unlearnt - point.loss, self._shrinkage(point.weights))
        return point.gain <= tolerance * min(max(point.loss, _LEAST_LOSS), max(learnt, _LEAST_LEARNT))

    def _shrinkage(self, weights: Tensor) -> float:
        return 0.5 * self.penalty * float(weights[:, :-1].square().sum())

    def _along(self, curvature: Tensor) -> Tensor:
        """float64 [K, F + 1]: the curvature by class and axis, from that by class, the mean of p (1 - p)."""
        least = _LEAST_CURVATURE * self.shares * (1 - self.shares)
        by_class = torch.maximum(curvature, least)[:, None]
        return torch.cat([by_class * self.rows.variances + self.penalty, by_class], dim=1)

    def _data_term(self, features: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean loss, its gradient [K, F + 1] and the mean of p^2 by class [K], all float64."""
        loss = torch.zeros((), dtype=torch.float64, device=weights.device)
        gradient, squares = torch.zeros_like(weights), torch.zeros_like(weights[:, 0])
        for rows, labels in zip(torch.split(features, self.size), torch.split(self.target, self.size), strict=True):
            error = torch.log_softmax(torch.addmm(weights[:, -1], rows, weights[:, :-1].T), dim=1)
            loss -= error.gather(1, labels[:, None]).sum(dtype=torch.float64)
            error.exp_()
            squares += torch.linalg.vector_norm(error, dim=0).square_()
            error.scatter_add_(1, labels[:, None], error.new_full((len(labels), 1), -1))
            gradient[:, :-1].addmm_(error.T, rows)
            gradient[:, -1] += error.sum(dim=0)
        count = len(features)
        return loss / count, gradient.double() / count, squares.double() / count


def _penalty(classes: int, regularisation: float, samples: int) -> float:
    """Factor of |W|^2 / 2 in the loss: twice as much for two classes, of which scikit-learn has one vector."""
    return (2 if classes == 2 else 1) / (regularisation * samples)
