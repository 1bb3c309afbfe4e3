"""The plain specification: what the engine computes by other ways, and what it uses for second derivatives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from test_contrast import balanced_terms, rows_and_labels
from torch import Tensor

from hmlc_ray.objectives.base import LossReport
from hmlc_ray.objectives.contrast import (
    ColumnWeights,
    LevelTerms,
    LevelVectors,
    constrained_contrast,
    hardware,
    level_contrast,
    normalise,
    plain,
)
from hmlc_ray.objectives.masks.feature_masks import FeatureMasks

WIDTH = 12
Vectors = Callable[[Tensor], LevelVectors]


def masked(values: Tensor) -> Vectors:
    return lambda z: FeatureMasks.of(values).vectors(z)


def shared(z: Tensor) -> LevelVectors:
    return LevelVectors.shared(normalise(z), 3)


PARTITION = (torch.arange(WIDTH) % 3 == torch.arange(3)[:, None]).double()
VECTORS: dict[str, Vectors] = {
    "shared": shared,
    "hard": masked(PARTITION),
    "soft": masked(0.05 + 0.95 * torch.rand(3, WIDTH, generator=torch.Generator().manual_seed(0)).double()),
    "nested": masked(PARTITION.cumsum(dim=0)),
    "two the same": masked(PARTITION[[0, 1, 0]]),
    "stacked": lambda z: LevelVectors.stacked(normalise(z[:, None] * (1 + PARTITION))),
}
FIELDS = ("anchor_weights", "columns")
MODES: dict[str, dict[str, None]] = {
    "none": dict.fromkeys(FIELDS),
    "anchor": {"columns": None},
    "denominator": {"anchor_weights": None},
    "both": {},
}


def made_terms(labels: Tensor, z: Tensor, vectors: Vectors, mode: str, tau: tuple[float, ...]) -> LevelTerms:
    """Of an imbalance mode, with prototypes of the vectors' width."""
    terms = balanced_terms(labels, WIDTH, tau)
    assert terms.columns is not None
    own = [
        replace(p, vectors=vectors(torch.randn(4, WIDTH, dtype=z.dtype))[h])
        for h, p in enumerate(terms.columns.prototypes or ())
    ]
    return replace(replace(terms, columns=ColumnWeights(terms.columns.batch, own)), **MODES[mode])


def agree(report: LossReport, expected: LossReport, z: Tensor) -> None:
    torch.testing.assert_close(report.total, expected.total, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(report.per_level, expected.per_level, rtol=1e-11, atol=1e-11)
    assert torch.equal(report.num_valid_anchors, expected.num_valid_anchors)
    (gradient,), (wanted,) = (torch.autograd.grad(own.total, z, retain_graph=True) for own in (report, expected))
    torch.testing.assert_close(gradient, wanted, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("accelerator", [False, True], ids=["cpu", "accelerator"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", VECTORS)
def test_the_engine_computes_it(monkeypatch: pytest.MonkeyPatch, name: str, mode: str, accelerator: bool) -> None:
    monkeypatch.setattr(hardware, "on_cpu", lambda tensor: not accelerator)
    z, labels = rows_and_labels(3, n=21, width=WIDTH)
    z.requires_grad_()
    for tau in ((0.1, 0.1, 0.1), (0.1, 0.2, 0.1), (0.01, 0.1, 0.1)):
        terms = made_terms(labels, z, VECTORS[name], mode, tau)
        for chunk in (None, 5):
            vectors = VECTORS[name](z)
            expected = plain.level_contrast(vectors, labels, terms)
            agree(level_contrast(vectors, labels, replace(terms, chunk=chunk)), expected, z)


@pytest.mark.parametrize("accelerator", [False, True], ids=["cpu", "accelerator"])
@pytest.mark.parametrize("mode", MODES)
def test_the_engine_computes_the_constrained_contrast(
    monkeypatch: pytest.MonkeyPatch, mode: str, accelerator: bool
) -> None:
    monkeypatch.setattr(hardware, "on_cpu", lambda tensor: not accelerator)
    z, labels = rows_and_labels(4, n=21, width=WIDTH)
    z.requires_grad_()
    for tau in ((0.1, 0.1, 0.1), (0.1, 0.2, 0.3), (0.01, 0.1, 0.1)):
        terms = made_terms(labels, z, shared, mode, tau)
        for chunk in (None, 5):
            expected = plain.constrained_contrast(normalise(z), labels, terms)
            agree(constrained_contrast(normalise(z), labels, replace(terms, chunk=chunk)), expected, z)


@pytest.mark.parametrize("accelerator", [False, True], ids=["cpu", "accelerator"])
def test_factors_may_follow_from_the_losses(monkeypatch: pytest.MonkeyPatch, accelerator: bool) -> None:
    monkeypatch.setattr(hardware, "on_cpu", lambda tensor: not accelerator)
    z, labels = rows_and_labels(5, n=21, width=WIDTH)
    z.requires_grad_()
    for tau in ((0.1, 0.1, 0.1), (0.1, 0.2, 0.1)):
        terms = LevelTerms(tau, torch.ones(3), choose=lambda losses: losses.detach().square())
        for vectors in (shared(z), VECTORS["hard"](z)):
            agree(level_contrast(vectors, labels, terms), plain.level_contrast(vectors, labels, terms), z)


@pytest.mark.parametrize("name", ["shared", "soft", "nested", "constrained"])
def test_the_gradient_has_a_gradient(name: str) -> None:
    z, labels = rows_and_labels(6, n=5, width=WIDTH)
    labels[:2] = labels[0]
    z[0] = 0  # A zero row, which is not divided by its length, has one too.
    terms = made_terms(labels, z, VECTORS.get(name, shared), "both", (0.1, 0.2, 0.5))

    def loss(z: Tensor) -> Tensor:
        if name == "constrained":
            return constrained_contrast(normalise(z), labels, terms).total
        return level_contrast(VECTORS[name](z), labels, terms).total

    rows = z[1:].requires_grad_()
    assert torch.autograd.gradgradcheck(lambda rows: loss(torch.cat([z[:1], rows])), rows, fast_mode=True)
    (once,) = torch.autograd.grad(loss(torch.cat([z[:1], rows])), rows)
    (again,) = torch.autograd.grad(loss(torch.cat([z[:1], rows])), rows, create_graph=True)
    assert not once.requires_grad
    assert again.requires_grad
    torch.testing.assert_close(again, once)


def test_a_single_row_is_finite() -> None:
    z = torch.randn(1, WIDTH, requires_grad=True)
    for contrast in (plain.level_contrast, level_contrast):
        report = contrast(
            LevelVectors.shared(normalise(z), 2), torch.zeros(1, 2).long(), LevelTerms((0.1,) * 2, torch.ones(2))
        )
        assert report.total == 0
        assert not torch.autograd.grad(report.total, z)[0].any()
