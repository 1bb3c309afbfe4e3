"""A Gaussian mixture over feature dimensions: D points in H-dimensional descriptor space."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from hmlc_ray.arrays import FloatArray

NUM_STARTS = 5
MAX_ITERATIONS = 1000
REGULARISATION = 1e-3
"""Added to variances, where descriptors have 1: a component of a few dimensions must not shrink to a point."""


@dataclass(frozen=True)
class Mixture:
    """A fitted mixture of K components, each of which is the most probable one of some dimension or was kept anyway."""

    responsibilities: FloatArray
    """P(component | dimension), [D, K]; rows sum to 1."""
    means: FloatArray
    """Mean descriptors, [K, H]."""
    bic: float
    """Bayesian information criterion, smaller is better."""
    converged: bool

    @property
    def num_components(self) -> int:
        return len(self.means)


def fit_mixture(u: FloatArray, num_components: int, *, dirichlet: bool, seed: int) -> Mixture:
    """Fit a diagonal-covariance mixture to descriptors; the same input gives the same mixture.

    Args:
        u: [D, H].
        num_components: K <= D; with `dirichlet` its upper bound.
        dirichlet: use a variational Dirichlet-process mixture and keep only the components that are the most probable
            one of some dimension.
        seed: of the starting points.
    """
    kind = BayesianGaussianMixture if dirichlet else GaussianMixture
    model = kind(
        n_components=num_components,
        covariance_type="diag",
        n_init=NUM_STARTS,
        max_iter=MAX_ITERATIONS,
        reg_covar=REGULARISATION,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # Non-convergence is reported as `Mixture.converged`; coinciding descriptors are not an error either.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(u)
    responsibilities = model.predict_proba(u)
    kept = np.unique(responsibilities.argmax(axis=1)) if dirichlet else np.arange(num_components)
    responsibilities = responsibilities[:, kept]
    return Mixture(
        responsibilities=responsibilities / responsibilities.sum(axis=1, keepdims=True),
        means=np.asarray(model.means_)[kept],
        bic=_bic(float(model.score_samples(u).sum()), len(kept), *u.shape),
        converged=bool(model.converged_),
    )


def _bic(log_likelihood: float, num_components: int, num_points: int, num_dims: int) -> float:
    """Means and variances per component and the weights but one are free."""
    parameters = num_components * 2 * num_dims + num_components - 1
    return float(parameters * np.log(num_points) - 2 * log_likelihood)
