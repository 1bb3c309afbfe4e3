"""Updates: what is not finite changes no weight, whether it is looked at before the step or after it."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable

import pytest
import torch
from torch import nn

from hmlc_ray.config.training import AdamWConfig, OptimiserConfig, SgdConfig
from hmlc_ray.errors import NonFiniteLoss
from hmlc_ray.objectives.base import LossReport
from hmlc_ray.training.optimiser import build_optimiser, load_optimiser
from hmlc_ray.training.updates import Updates

CONFIGS: list[OptimiserConfig] = [SgdConfig(kind="sgd", learning_rate=0.1), AdamWConfig(kind="adamw")]


def module_and_optimiser(config: OptimiserConfig, *, deferred: bool) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A layer; a fused optimiser, as GPUs have, defers the look at what is finite on a CPU too."""
    torch.manual_seed(0)
    module = nn.Linear(3, 2)
    return module, build_optimiser(config, module, fused=deferred or None)


def report_of(module: nn.Module, factor: float) -> LossReport:
    total = module(torch.ones(4, 3)).square().mean() * factor
    return LossReport(total, torch.stack([total.detach(), torch.tensor(math.nan)]), torch.tensor([4, 0]))


def all_of(updates: Updates, module: nn.Module, factors: Iterable[float]) -> None:
    for factor in factors:
        updates.step(report_of(module, factor))
    updates.finish()


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
@pytest.mark.parametrize("clip_norm", [None, 0.5])
def test_both_ways_update_alike(config: OptimiserConfig, clip_norm: float | None) -> None:
    ended = []
    for deferred in (False, True):
        module, optimiser = module_and_optimiser(config, deferred=deferred)
        updates = Updates(module, optimiser, clip_norm=clip_norm, epoch=0)
        norms = [updates.step(report_of(module, factor)).item() for factor in (1.0, 5.0, 2.0)]
        updates.finish()
        ended.append(([p.detach().clone() for p in module.parameters()], norms))
    torch.testing.assert_close(ended[0][0], ended[1][0])
    assert ended[0][1] == pytest.approx(ended[1][1])


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
@pytest.mark.parametrize("deferred", [False, True], ids=["before the step", "after it"])
@pytest.mark.parametrize("wrong", [math.nan, math.inf])
def test_what_is_not_finite_leaves_the_weights(config: OptimiserConfig, deferred: bool, wrong: float) -> None:
    module, optimiser = module_and_optimiser(config, deferred=deferred)
    updates = Updates(module, optimiser, clip_norm=None, epoch=6)
    for _ in range(2):
        updates.step(report_of(module, 1.0))
    before = copy.deepcopy(module.state_dict())
    with pytest.raises(NonFiniteLoss, match=rf"the loss became {wrong} in epoch 7, step 3 \(per level: {wrong}, nan"):
        all_of(updates, module, [wrong, 1.0, 1.0])  # steps after it change nothing either
    assert all(torch.equal(module.state_dict()[name], value) for name, value in before.items())


def both(updates: Updates, report: LossReport) -> None:
    updates.step(report)
    updates.finish()


@pytest.mark.parametrize("deferred", [False, True], ids=["before the step", "after it"])
def test_an_infinite_gradient_of_a_finite_loss_is_named(deferred: bool) -> None:
    module, optimiser = module_and_optimiser(CONFIGS[0], deferred=deferred)
    updates = Updates(module, optimiser, clip_norm=None, epoch=0)
    report = report_of(module, 1.0)
    weight = next(module.parameters())
    total = report.total + (weight * 0).sqrt().sum()  # the root's slope at 0
    broken = LossReport(total, report.per_level, report.num_valid_anchors)
    with pytest.raises(NonFiniteLoss, match=r"the gradient became (nan|inf) in epoch 1, step 1"):
        both(updates, broken)


def test_many_steps_are_looked_at_before_the_epoch_ends() -> None:
    module, optimiser = module_and_optimiser(CONFIGS[0], deferred=True)
    updates = Updates(module, optimiser, clip_norm=None, epoch=0)
    factors = iter([math.nan if step == 59 else 0.1 for step in range(1000)])
    with pytest.raises(NonFiniteLoss, match=r"step 60 "):
        all_of(updates, module, factors)
    assert len(list(factors)) > 880


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
def test_a_state_is_loaded_whatever_kernels_it_was_made_with(config: OptimiserConfig) -> None:
    for made, used in ((False, True), (True, False)):
        module, optimiser = module_and_optimiser(config, deferred=made)
        Updates(module, optimiser, clip_norm=None, epoch=0).step(report_of(module, 1.0))
        other_module, other = module_and_optimiser(config, deferred=used)
        load_optimiser(other, optimiser.state_dict())
        assert all(bool(group["fused"]) == used for group in other.param_groups)
        Updates(other_module, other, clip_norm=None, epoch=0).step(report_of(other_module, 1.0))
