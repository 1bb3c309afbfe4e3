"""Level weights w_h and temperatures tau_h, coarsest first."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from hmlc_ray.config.objective import TemperatureSection, Weight, WeightForm


class WeightSettings(Protocol):
    """A configuration with level weights."""

    @property
    def level_weights(self) -> WeightForm | tuple[Weight, ...]: ...
    @property
    def level_ratio(self) -> float: ...


def level_weights(config: WeightSettings, num_classes: Sequence[int]) -> Tensor:
    """w, float [H], not normalised; every objective but `variant: code` divides by their sum.

    With l = 1 at the finest level and l = H at the coarsest, and rho = `level_ratio`:

    - `uniform`: 1
    - `coarse_to_fine`: rho^(H-l), growing from the coarsest level to the finest; `fine_to_coarse`: rho^(l-1)
    - `pow2`: 2^(1/l), the released code of arXiv 2204.13207; `exp`: e^(1/l), its training script
    - `log_classes`: log C_h, so that a level weighs the information in its labels; a level of one class weighs nothing
    - a list: one weight per level, coarsest first
    """
    levels = len(num_classes)
    form = config.level_weights
    if not isinstance(form, str):
        assert len(form) == levels
        return torch.tensor(form)
    ratio = config.level_ratio
    forms: dict[str, Callable[[int, int], float]] = {
        "uniform": lambda position, count: 1.0,
        "coarse_to_fine": lambda position, count: ratio ** (levels - position),
        "fine_to_coarse": lambda position, count: ratio ** (position - 1),
        "pow2": lambda position, count: 2 ** (1 / position),
        "exp": lambda position, count: math.exp(1 / position),
        "log_classes": lambda position, count: math.log(count),
    }
    return torch.tensor([forms[form](levels - h, count) for h, count in enumerate(num_classes)])


def level_temperatures(config: TemperatureSection, num_levels: int) -> tuple[float, ...]:
    """tau per level."""
    given = config.temperature
    temperatures = given if isinstance(given, tuple) else (given,) * num_levels
    assert len(temperatures) == num_levels
    return temperatures
