"""What every optimiser and every kind of view promises."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from conformance.members import member, own
from torch import nn

from hmlc_ray.config.schema import SectionType, kind_of
from hmlc_ray.data.base import Split
from hmlc_ray.data.views import VIEWS, build_views, views_of
from hmlc_ray.training.optimiser import OPTIMISERS, build_optimiser, load_optimiser

every_optimiser = pytest.mark.parametrize("section", own("optimiser").values(), ids=kind_of)
LEAF = torch.tensor([0, 0, 1, 1])
STORED = {
    "features": torch.rand(4, 7),
    "images": torch.full((4, 3, 12, 12), 100, dtype=torch.uint8),
    "points": torch.rand(4, 20, 3),
}
"""Samples of each modality as a data set keeps them."""


def test_the_tables_have_every_kind_and_no_other() -> None:
    assert {*OPTIMISERS} == {*own("optimiser")}
    assert {*VIEWS} == {*own("views")} == {*STORED}


def step(module: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    module(torch.ones(4, 3)).square().sum().backward()
    optimiser.step()


@every_optimiser
def test_matrices_decay_and_vectors_do_not(section: SectionType) -> None:
    module = nn.Linear(3, 2)
    optimiser = build_optimiser(member(section, weight_decay=0.5), module)
    decays = {p.ndim: group["weight_decay"] for group in optimiser.param_groups for p in group["params"]}
    assert decays == {2: 0.5, 1: 0.0}


@every_optimiser
def test_a_restored_one_goes_on_as_if_nothing_had_happened(section: SectionType) -> None:
    torch.manual_seed(0)
    one = nn.Linear(3, 2)
    own_steps = build_optimiser(member(section), one)
    step(one, own_steps)
    other = nn.Linear(3, 2)
    other.load_state_dict(one.state_dict())
    restored = build_optimiser(member(section), other)
    load_optimiser(restored, deepcopy(own_steps.state_dict()))
    for module, optimiser in ((one, own_steps), (other, restored)):
        optimiser.zero_grad()
        step(module, optimiser)
    assert torch.equal(one.weight, other.weight)


@pytest.mark.parametrize("section", own("views").values(), ids=kind_of)
def test_views_are_two_of_each_sample_and_decided_by_the_generator(section: SectionType) -> None:
    stored = STORED[str(kind_of(section))]
    views = build_views(member(section), Split(stored, LEAF))

    def drawn(seed: int) -> torch.Tensor:
        return views_of(views, stored, LEAF, torch.Generator().manual_seed(seed))

    first = drawn(0)
    assert first.shape[:2] == (2, 4)
    assert first.dtype == torch.float32
    assert torch.equal(first, drawn(0))
    assert not torch.equal(first, drawn(1))
