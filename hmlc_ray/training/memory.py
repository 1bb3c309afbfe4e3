"""Lack of memory, reported in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from hmlc_ray.errors import TrainingError, first_line, last_line


@contextmanager
def memory_errors() -> Iterator[None]:
    """Turns the errors of torch and Python for lack of memory into a TrainingError with the remedy."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            "the GPU's memory is too small: lower training.global_batch_size, set objective.chunk, or take a smaller "
            f"encoder or image_size ({first_line(error)})"
        ) from error
    except (MemoryError, RuntimeError) as error:
        if "shared memory" in str(error):
            raise TrainingError(
                "the shared memory (/dev/shm) is too small: give a container more of it (docker run --shm-size=8g; in "
                f"Kubernetes an emptyDir of medium Memory), or free what others hold there ({last_line(error)})"
            ) from error
        # torch has no class of its own for the CPU's memory.
        if not isinstance(error, MemoryError) and "DefaultCPUAllocator" not in str(error):
            raise
        raise TrainingError(
            "the memory is too small: lower training.global_batch_size, set objective.chunk, take a smaller encoder or "
            f"image_size, or run fewer trials at once ({first_line(error)})"
        ) from error


def peak_memory(device: torch.device) -> int:
    """The most bytes of a GPU that were allocated at once until now, beside what is allocated now; 0 on a CPU."""
    if device.type != "cuda":
        return 0
    return torch.cuda.max_memory_allocated(device) - torch.cuda.memory_allocated(device)


def watch_memory(device: torch.device) -> None:
    """From now on for `peak_memory`."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
