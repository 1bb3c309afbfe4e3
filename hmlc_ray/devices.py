"""The device of a worker, and the precision it trains in."""

from __future__ import annotations

import torch

from hmlc_ray.errors import ConfigError


def resolve_device(name: str) -> torch.device:
    """The device of this worker: the current CUDA device, or the CPU.

    Raises:
        ConfigError: if CUDA is asked for and not there.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("training.device is `cuda`, but no CUDA device is available here; use `auto` or `cpu`")
    use_cuda = name != "cpu" and torch.cuda.is_available()
    return torch.device("cuda", torch.cuda.current_device()) if use_cuda else torch.device("cpu")


def use_amp(mode: str, device: torch.device) -> bool:
    """Whether encoder and head run in bfloat16."""
    if mode == "auto":
        return device.type == "cuda" and torch.cuda.is_bf16_supported()
    return mode == "bf16"
