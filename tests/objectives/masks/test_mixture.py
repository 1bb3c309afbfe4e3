from __future__ import annotations

import numpy as np
import pytest
from planted import planted
from sklearn.mixture import GaussianMixture

from hmlc_ray.objectives.masks.mixture import NUM_STARTS, REGULARISATION, fit_mixture


@pytest.mark.parametrize("dirichlet", [False, True])
def test_the_same_descriptors_give_the_same_mixture(dirichlet: bool) -> None:
    u = planted((4, 5)).descriptor()
    first, second = (fit_mixture(u, 6, dirichlet=dirichlet, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.responsibilities, second.responsibilities)
    np.testing.assert_array_equal(first.means, second.means)
    assert first.converged
    np.testing.assert_allclose(first.responsibilities.sum(axis=1), 1)
    assert first.responsibilities.shape == (len(u), first.num_components)


def test_bic_is_scikit_learns() -> None:
    u = planted((4, 5)).descriptor()
    model = GaussianMixture(
        4, covariance_type="diag", n_init=NUM_STARTS, max_iter=1000, reg_covar=REGULARISATION, random_state=0
    ).fit(u)
    assert fit_mixture(u, 4, dirichlet=False, seed=0).bic == pytest.approx(model.bic(u))


def test_a_dirichlet_process_keeps_as_many_components_as_there_are_groups() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[3.0, 0], [0, 3], [-3, -3]])
    u = centres.repeat(40, axis=0) + 0.3 * rng.normal(size=(120, 2))
    mixture = fit_mixture(u, 10, dirichlet=True, seed=0)
    assert mixture.num_components == 3
    assert sorted(np.bincount(mixture.responsibilities.argmax(axis=1))) == [40, 40, 40]


@pytest.mark.parametrize("dirichlet", [False, True])
@pytest.mark.parametrize("u", [np.zeros((6, 2)), np.array([[1.0], [-1.0]]), np.eye(4).repeat(2, axis=0)])
def test_degenerate_descriptors_warn_nobody_and_stay_finite(u: np.ndarray, dirichlet: bool) -> None:
    mixture = fit_mixture(u, 2, dirichlet=dirichlet, seed=0)
    assert np.isfinite(mixture.responsibilities).all()
    assert np.isfinite(mixture.bic)
