"""Mean and deviation of each column of a split of features: what rows are standardised by, and noise is scaled by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from hmlc_ray.data.base import Split

_LEAST = 1e-3
"""A column that deviates less than this part of the middle deviation hardly varies: what is in it may be rounding."""
_BLOCK = 8192


class ColumnStatistics(NamedTuple):
    """Statistics of D columns."""

    mean: Tensor
    """float32 [D]."""
    deviation: Tensor
    """float32 [D], above 0: of a column that hardly varies the middle deviation of the others, so that dividing by it
    does not make noise of what may be rounding."""
    constant: Tensor
    """bool [D]: the columns that hardly vary."""


def column_statistics(split: Split) -> ColumnStatistics:
    """Statistics of the rows of a split, in float64; the same rows give the same numbers."""
    columns = split.inputs.shape[1]
    total, count = torch.zeros(columns, dtype=torch.float64), len(split)
    for block in _blocks(split):
        total += block.sum(dim=0)
    mean = total / count
    squares = torch.zeros(columns, dtype=torch.float64)
    for block in _blocks(split):
        squares += (block - mean).square().sum(dim=0)
    deviation = (squares / count).sqrt()
    varying = deviation[deviation > 0]
    middle = varying.median() if len(varying) else torch.ones((), dtype=torch.float64)
    constant = deviation <= _LEAST * middle
    return ColumnStatistics(mean.float(), torch.where(constant, middle, deviation).float(), constant)


def _blocks(split: Split) -> Iterator[Tensor]:
    for start in range(0, len(split), _BLOCK):
        index = torch.arange(start, min(start + _BLOCK, len(split)), device=split.inputs.device)
        yield split.at(index).cpu().double()
