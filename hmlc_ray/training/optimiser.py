"""The optimiser and its schedule."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from hmlc_ray.config.training import AdamWConfig, OptimiserConfig, SgdConfig

Groups = list[dict[str, Any]]


def build_optimiser(config: OptimiserConfig, module: nn.Module, *, fused: bool | None = None) -> torch.optim.Optimizer:
    """The optimiser of a configuration; vectors (biases, normalisation) are not decayed, as is usual in contrastive
    training.

    Args:
        fused: one kernel for a whole step, which `Updates` can make a no-op; None: on a GPU.
    """
    parameters = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    fused = True if fused or (fused is None and any(p.is_cuda for p in parameters)) else None
    return OPTIMISERS[config.kind](config, groups, fused)


def _sgd(config: SgdConfig, groups: Groups, fused: bool | None) -> torch.optim.Optimizer:
    rate, momentum = config.learning_rate, config.momentum
    return torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=momentum > 0, fused=fused)


def _adamw(config: AdamWConfig, groups: Groups, fused: bool | None) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=fused)


OPTIMISERS: dict[str, Callable[[Any, Groups, bool | None], torch.optim.Optimizer]] = {"sgd": _sgd, "adamw": _adamw}
"""Functions called with `(config, parameter groups, fused)`, by kind."""


def load_optimiser(optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load an optimiser's state, which may be from another kind of device.

    Raises:
        KeyError, ValueError: if it is of another model.
    """
    own = {name: optimiser.defaults[name] for name in ("fused", "foreach")}
    optimiser.load_state_dict(state | {"param_groups": [group | own for group in state["param_groups"]]})


def build_schedule(
    config: OptimiserConfig, optimiser: torch.optim.Optimizer, *, epochs: int, steps_per_epoch: int
) -> LambdaLR:
    """Linear warm-up over `warmup_epochs`, then a cosine to zero; one step per optimiser step."""
    warmup = round(config.warmup_epochs * steps_per_epoch)
    total = epochs * steps_per_epoch

    def factor(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        progress = (step - warmup) / max(1, total - warmup)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    return LambdaLR(optimiser, factor)
