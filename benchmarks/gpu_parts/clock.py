"""How long a step takes on a CPU or a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch


def synchronise(device: torch.device) -> None:
    """Wait until a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed(step: Callable[[], object], device: torch.device) -> float:
    """Seconds of a step: wall time on a GPU, CPU time of this process elsewhere, which load does not change."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    synchronise(device)
    start = clock()
    step()
    synchronise(device)
    return clock() - start
