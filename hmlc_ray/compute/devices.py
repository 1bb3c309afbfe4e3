"""The device of a worker, and the precision it trains in."""

from __future__ import annotations

import os
from functools import lru_cache

import torch

from hmlc_ray.errors import ConfigError

VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
"""Environment: which GPUs a process sees; torch's CUDA build reads the first, its ROCm build both."""


def hide_gpus() -> None:
    """Let this process see no GPU, for the rest of its life.

    The drivers read the variables once. Where something initialised CUDA before, `resolve_device` still heeds them.
    """
    os.environ.update(dict.fromkeys(VISIBLE, ""))


def resolve_device(name: str) -> torch.device:
    """The device of this worker: the current CUDA device, or the CPU.

    Raises:
        ConfigError: if CUDA is asked for and not there.
    """
    available = _sees_gpus() and torch.cuda.is_available()
    if name == "cuda" and not available:
        raise ConfigError("training.device is `cuda`, but no CUDA device is available here; use `auto` or `cpu`")
    use_cuda = name != "cpu" and available
    return torch.device("cuda", torch.cuda.current_device()) if use_cuda else torch.device("cpu")


def _sees_gpus() -> bool:
    return all(os.environ.get(name) != "" for name in VISIBLE)


def use_amp(mode: str, device: torch.device) -> bool:
    """Whether encoder and head run in bfloat16."""
    if mode == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported()
    return mode == "bf16"


@lru_cache  # torch and cuBLAS keep memory of their own for each stream, for good
def side_stream(device: torch.device) -> torch.cuda.Stream:
    """The stream of a GPU for what runs beside the current one, or before it."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
