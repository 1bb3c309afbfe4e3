"""Masks prepared for use: the vectors of every level, and how they stand together."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from hmlc_ray.objectives.contrast import LevelTerms, hardware, level_contrast
from hmlc_ray.objectives.contrast.vectors import LevelVectors, Place
from hmlc_ray.objectives.masks.feature_masks import FeatureMasks

SOFT = torch.tensor([[1, 1, 0, 0, 1, 1], [0, 0, 0.5, 1, 0, 0], [1, 1, 0, 0, 1, 1], [1, 1, 1, 1, 1, 1]]).double()


def of_widths(width: int, *own: range) -> Tensor:
    masks = torch.zeros(len(own), width, dtype=torch.float64)
    for mask, dims in zip(masks, own, strict=True):
        mask[list(dims)] = 1
    return masks


MASKS = {
    "soft, and two the same": SOFT,
    "partition of one width": of_widths(40, range(14), range(14, 28), range(28, 40)),
    "partition of several widths": of_widths(40, range(3), range(20, 40), range(3, 20)),
    "nested": of_widths(40, range(10), range(20), range(40)),
    "two the same between others": of_widths(40, range(10), range(10, 20), range(10), range(20, 30)),
}


@pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS)
def test_vectors(masks: Tensor) -> None:
    torch.manual_seed(0)
    rows = torch.randn(4, masks.shape[1], dtype=torch.float64, requires_grad=True)
    prepared = FeatureMasks.of(masks)
    vectors = prepared.vectors(rows)
    for h, mask in enumerate(masks):
        expected, v = normalize(rows * mask), vectors[h]
        torch.testing.assert_close(v @ v.T, expected @ expected.T)
        assert vectors.places[h].width == mask.count_nonzero()
        assert not v[:, vectors.places[h].width :].any()
    every = range(len(masks))
    assert torch.autograd.gradcheck(
        lambda rows: torch.cat([v @ v.T for v in map(prepared.vectors(rows).__getitem__, every)]), rows
    )


def test_levels_of_one_width_stand_together_and_those_of_one_mask_at_one_place() -> None:
    assert FeatureMasks.of(MASKS["two the same between others"]).places == (
        Place(0, 0, 10),
        Place(0, 1, 10),
        Place(0, 0, 10),
        Place(0, 2, 10),
    )
    assert [place.stack for place in FeatureMasks.of(MASKS["nested"]).places] == [0, 1, 2]


def test_on_an_accelerator_all_levels_stand_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "on_cpu", lambda tensor: False)
    masks = FeatureMasks.of(MASKS["nested"])
    assert [(place.stack, place.slot) for place in masks.places] == [(0, 0), (0, 1), (0, 2)]
    assert masks.stacks == ((3, 48),)


@pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("same", [True, False])
def test_contrast_does_not_depend_on_how_vectors_stand(masks: Tensor, same: bool) -> None:
    torch.manual_seed(0)
    levels, width = masks.shape
    rows = torch.randn(12, width, dtype=torch.float64, requires_grad=True)
    labels = torch.randint(0, 3, (12, levels))
    tau = (0.1,) * levels if same else tuple(0.1 + 0.05 * h for h in range(levels))
    terms = LevelTerms(tau, 1 + torch.rand(levels, dtype=torch.float64))
    together = level_contrast(FeatureMasks.of(masks).vectors(rows), labels, terms)
    own = tuple(normalize(rows * mask)[:, None] for mask in masks)
    apart = level_contrast(LevelVectors(own, tuple(Place(h, 0, width) for h in range(levels))), labels, terms)
    torch.testing.assert_close(together.total, apart.total)
    torch.testing.assert_close(together.per_level, apart.per_level)
    (gradient,), (expected,) = (torch.autograd.grad(report.total, rows) for report in (together, apart))
    torch.testing.assert_close(gradient, expected)
