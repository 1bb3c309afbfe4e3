"""Copies to the training device that no step waits for."""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on `device`. To a GPU it is copied from pinned memory, in the order of the current stream's work.

    A copy from ordinary memory makes the host wait until the GPU has done all that was asked of it before.
    """
    if device.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(device)
    return (tensor if tensor.is_pinned() else tensor.pin_memory()).to(device, non_blocking=True)
