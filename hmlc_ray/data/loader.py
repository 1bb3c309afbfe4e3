"""Batches of an epoch: uint8 samples gathered on the training device, where the whole split lives when it fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hmlc_ray.data.base import Split

_RESIDENT_SHARE = 0.25
"""A split lives on the device if it takes no more than this share of the memory that is free there."""


def epoch_batches(
    split: Split, sampler: Iterable[npt.NDArray[np.int64]], device: torch.device
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """The batches that one pass over `sampler` names.

    Args:
        sampler: gives each batch as indices into the split, int64 [b].

    Yields:
        On `device`: inputs as stored, [b, ...]; leaves, int64 [b]; the indices, int64 [b].
    """
    source = _place(split, device)
    for rows in sampler:
        index = torch.from_numpy(rows)
        there = index.to(source.inputs.device)
        batch = (source.at(there), source.leaf[there], index)
        inputs, leaf, index = (tensor.to(device, non_blocking=True) for tensor in batch)
        yield inputs, leaf, index


@lru_cache(maxsize=1)  # epochs, and the trials that share a warm process, copy the split once
def _place(split: Split, device: torch.device) -> Split:
    """The split on `device`, or as it is where it does not fit."""
    size = len(split) * split.inputs[0].nbytes
    if device.type != "cuda" or size > _RESIDENT_SHARE * torch.cuda.mem_get_info(device)[0]:
        return split
    inputs = split.inputs if split.rows is None else split.inputs[split.rows]
    return Split(inputs.to(device), split.leaf.to(device))
