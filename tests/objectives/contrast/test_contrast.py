"""The level contrast: its invariances, its two ways of computation, its gradient."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytorch_metric_learning.losses import SupConLoss
from torch import Tensor

from hmlc_ray.objectives.base import LossReport
from hmlc_ray.objectives.contrast import (
    ColumnWeights,
    LevelTerms,
    LevelVectors,
    Prototypes,
    constrained_contrast,
    level_contrast,
    normalise,
)
from hmlc_ray.objectives.contrast.denominator import BOUND, Blocks, Columns, Rows, Triangle
from hmlc_ray.objectives.masks.feature_masks import FeatureMasks

quick = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**31)


def rows_and_labels(seed: int, n: int = 16, width: int = 12, levels: int = 3) -> tuple[Tensor, Tensor]:
    """float64 [n, width] and int64 [n, levels], nested from coarse to fine."""
    random = torch.Generator().manual_seed(seed)
    leaf = torch.randint(0, 2**levels, (n,), generator=random)
    labels = torch.stack([leaf >> (levels - 1 - h) for h in range(levels)], dim=1)
    return torch.randn(n, width, generator=random, dtype=torch.float64), labels


def balanced_terms(labels: Tensor, width: int, tau: tuple[float, ...]) -> LevelTerms:
    """Every feature at once: own temperatures and weights, anchor and column weights, prototypes."""
    random = torch.Generator().manual_seed(1)
    n, levels = labels.shape

    def positive(*shape: int) -> Tensor:
        return 0.1 + torch.rand(*shape, generator=random, dtype=torch.float64)

    prototypes = [
        Prototypes(normalise(torch.randn(4, width, generator=random, dtype=torch.float64)), positive(4)) for _ in tau
    ]
    per_class = positive(2**levels)
    return LevelTerms(tau, positive(levels), per_class[labels], ColumnWeights(positive(n, levels), prototypes))


def plain(tau: float | tuple[float, ...], levels: int, chunk: int | None = None) -> LevelTerms:
    return LevelTerms(tau if isinstance(tau, tuple) else (tau,) * levels, torch.ones(levels), chunk=chunk)


def shared(z: Tensor, labels: Tensor, terms: LevelTerms) -> LossReport:
    return level_contrast(LevelVectors.shared(normalise(z), labels.shape[1]), labels, terms)


def constrained(z: Tensor, labels: Tensor, terms: LevelTerms) -> LossReport:
    return constrained_contrast(normalise(z), labels, terms)


def value_and_gradient(loss: LossReport, z: Tensor) -> tuple[Tensor, Tensor]:
    (gradient,) = torch.autograd.grad(loss.total, z)
    return loss.total.detach(), gradient


@pytest.mark.parametrize("tau", [0.05, 0.1, 1.0])
def test_equals_pytorch_metric_learning(tau: float) -> None:
    torch.manual_seed(0)
    z, labels = torch.randn(64, 32, requires_grad=True), torch.randint(0, 9, (64,))
    expected = SupConLoss(temperature=tau)(z, labels)
    (wanted,) = torch.autograd.grad(expected, z)
    value, gradient = value_and_gradient(shared(z, labels[:, None], plain(tau, 1)), z)
    torch.testing.assert_close(value, expected.detach(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("contrast", [shared, constrained])
@pytest.mark.parametrize("tau", [(0.1, 0.1, 0.1), (0.1, 0.2, 0.3), (0.01, 0.01, 0.1)])
@pytest.mark.parametrize("balanced", [False, True])
def test_gradient_is_exact(contrast, tau: tuple[float, ...], balanced: bool) -> None:
    z, labels = rows_and_labels(4, n=9, width=5)
    terms = balanced_terms(labels, 5, tau) if balanced else plain(tau, 3)
    assert torch.autograd.gradcheck(lambda z: contrast(z, labels, terms).total, z.requires_grad_())


@pytest.mark.parametrize("contrast", [shared, constrained])
@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("chunk", [1, 5, 16, 100])
def test_chunks_change_nothing(contrast, balanced: bool, chunk: int) -> None:
    z, labels = rows_and_labels(5)
    tau = (0.1, 0.1, 0.01)
    terms = balanced_terms(labels, 12, tau) if balanced else plain(tau, 3)
    z.requires_grad_()
    chunked = LevelTerms(terms.temperatures, terms.weights, terms.anchor_weights, terms.columns, chunk)
    whole, parts = (value_and_gradient(contrast(z, labels, own), z) for own in (terms, chunked))
    torch.testing.assert_close(whole, parts, rtol=1e-10, atol=1e-12)


def test_both_ways_to_the_denominator_agree() -> None:
    z, labels = rows_and_labels(6)
    v, tau = normalise(z), 1 / BOUND
    balanced = balanced_terms(labels, 12, (tau,) * 3).columns
    assert balanced is not None
    q = torch.cat([prototypes.vectors for prototypes in balanced.prototypes])
    psi = torch.rand(3, len(q), dtype=torch.float64)
    psi[1, 2:5] = 0
    for columns in (Columns(), Columns(balanced.batch.T), Columns(balanced.batch.T, (q, psi))):
        ways = [way(v, tau, columns, Blocks(v, chunk, keep=True)) for way in (Triangle, Rows) for chunk in (None, 7)]
        sums = [way.log_sums() for way in ways]
        b = torch.rand_like(sums[0])
        gradients = [torch.ones_like(v) for _ in ways]
        for way, gradient in zip(ways, gradients, strict=True):
            way.add_gradient(b, gradient)
        for other, gradient in zip(sums[1:], gradients[1:], strict=True):
            torch.testing.assert_close(other, sums[0], rtol=1e-10, atol=1e-10)
            torch.testing.assert_close(gradient, gradients[0], rtol=1e-8, atol=1e-10)


@quick
@given(seed=seeds)
def test_order_of_rows_does_not_matter(seed: int) -> None:
    z, labels = rows_and_labels(seed)
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(seed))
    z.requires_grad_()
    for contrast in (shared, constrained):
        value, gradient = value_and_gradient(contrast(z, labels, plain(0.1, 3)), z)
        moved, moved_gradient = value_and_gradient(contrast(z[order], labels[order], plain(0.1, 3)), z)
        torch.testing.assert_close(moved, value)
        torch.testing.assert_close(moved_gradient, gradient)


@quick
@given(seed=seeds)
def test_names_of_classes_do_not_matter(seed: int) -> None:
    z, labels = rows_and_labels(seed)
    names = torch.randint(-(2**40), 2**40, (8,), generator=torch.Generator().manual_seed(seed))
    for contrast in (shared, constrained):
        report, renamed = contrast(z, labels, plain(0.1, 3)), contrast(z, names[labels], plain(0.1, 3))
        torch.testing.assert_close(report.per_level, renamed.per_level)
        assert torch.equal(report.num_valid_anchors, renamed.num_valid_anchors)


@quick
@given(seed=seeds, order=st.permutations(range(3)))
def test_order_of_levels_does_not_matter(seed: int, order: list[int]) -> None:
    """Levels moved together with their temperatures, weights and masks: shared vectors, and a partition."""
    z, labels = rows_and_labels(seed)
    terms = LevelTerms((0.1, 0.2, 0.1), torch.tensor([1.0, 2.0, 0.5]))
    moved = LevelTerms([terms.temperatures[h] for h in order], terms.weights[order])
    partition = (torch.arange(12) % 3 == torch.arange(3)[:, None]).double()
    for masks in (torch.ones(3, 12), partition):
        report = level_contrast(FeatureMasks.of(masks).vectors(z), labels, terms)
        other = level_contrast(FeatureMasks.of(masks[order]).vectors(z), labels[:, order], moved)
        torch.testing.assert_close(report.total, other.total)
        torch.testing.assert_close(report.per_level[order], other.per_level)


def test_masks_of_ones_change_nothing() -> None:
    z, labels = rows_and_labels(7)
    masked = level_contrast(FeatureMasks.of(torch.ones(3, 12)).vectors(z), labels, plain(0.1, 3))
    assert torch.equal(masked.total, shared(z, labels, plain(0.1, 3)).total)


def test_a_single_level_needs_no_floor() -> None:
    z, labels = rows_and_labels(8)
    z.requires_grad_()
    own = labels[:, -1:]
    floored, free = (value_and_gradient(contrast(z, own, plain(0.1, 1)), z) for contrast in (constrained, shared))
    torch.testing.assert_close(floored, free)


def test_a_floor_only_raises_coarser_levels() -> None:
    z, labels = rows_and_labels(9)
    floored, free = constrained(z, labels, plain(0.1, 3)).per_level, shared(z, labels, plain(0.1, 3)).per_level
    assert torch.all(floored[:-1] > free[:-1])
    torch.testing.assert_close(floored[-1], free[-1])


def test_levels_without_anchors_count_as_zero() -> None:
    z, labels = rows_and_labels(10)
    labels[:, 2] = torch.arange(len(labels))
    z.requires_grad_()
    report = shared(z, labels, plain(0.1, 3))
    assert report.per_level[2] == 0
    assert report.num_valid_anchors[2] == 0
    value, gradient = value_and_gradient(report, z)
    two, two_gradient = value_and_gradient(shared(z, labels[:, :2], plain(0.1, 2)), z)
    torch.testing.assert_close((3 * value, 3 * gradient), (2 * two, 2 * two_gradient))


@quick
@given(
    seed=seeds,
    n=st.integers(1, 7),
    exponent=st.integers(-45, 38),
    tau=st.sampled_from([1e-5, 0.01, 0.02, 0.1, 10.0]),
    classes=st.integers(1, 4),
)
def test_always_finite(seed: int, n: int, exponent: int, tau: float, classes: int) -> None:
    random = torch.Generator().manual_seed(seed)
    z = (torch.randint(-2, 3, (n, 3), generator=random) * torch.tensor(10.0**exponent)).requires_grad_()
    labels = torch.randint(0, classes, (n, 2), generator=random)
    assert torch.isfinite(z).all()
    for contrast in (shared, constrained):
        for terms in (plain(tau, 2), balanced_terms(labels, 3, (tau, tau))):
            value, gradient = value_and_gradient(contrast(z, labels, terms), z)
            assert torch.isfinite(value)
            assert torch.isfinite(gradient).all()


def test_no_gradient_is_computed_where_none_is_asked_for() -> None:
    z, labels = rows_and_labels(11)
    with torch.no_grad():
        frozen = shared(z.requires_grad_(), labels, plain(0.1, 3)).total
    assert not frozen.requires_grad
    assert not shared(z.detach(), labels, plain(0.1, 3)).total.requires_grad


def test_reduced_precision_is_not_used_under_autocast() -> None:
    z, labels = rows_and_labels(12)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        report = shared(z.float(), labels, plain(0.1, 3))
    assert torch.equal(report.total, shared(z.float(), labels, plain(0.1, 3)).total)
