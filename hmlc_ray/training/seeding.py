"""Seeds and kernels: what makes a run repeatable."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from hmlc_ray.config.training import TrainingConfig
from hmlc_ray.machine.cpus import usable_threads


def stream_seed(seed: int, *stream: int) -> int:
    """A seed for an independent stream (e.g. epoch and rank) of a run: the same arguments give the same value."""
    return int(np.random.SeedSequence([seed, *stream]).generate_state(1, np.uint64)[0] >> 1)


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global generators."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def threads_of(config: TrainingConfig) -> int:
    """Threads of the CPU kernels in this process.

    Raises:
        ConfigError: see `usable_cpus`.
    """
    return config.cpu_threads or usable_threads()


def is_deterministic(config: TrainingConfig, device: torch.device) -> bool:
    """Whether deterministic kernels are chosen on this device."""
    return device.type == "cpu" if config.deterministic is None else config.deterministic


@contextmanager
def kernels(config: TrainingConfig, device: torch.device) -> Iterator[None]:
    """Set CPU threads and the choice of kernels, and put back what was there: trials share a warm process.

    Where kernels need not be deterministic, cuDNN tries which of its own are fastest.

    Args:
        config: threads, and whether kernels are deterministic.
        device: where they run.

    Sums depend on how they are split over threads, so `cpu_threads` decides the last digits of a CPU run.
    """
    threads = threads_of(config)
    deterministic = is_deterministic(config, device)
    before_threads = torch.get_num_threads()
    before_mode, before_search = torch.get_deterministic_debug_mode(), torch.backends.cudnn.benchmark
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    torch.backends.cudnn.benchmark = not deterministic
    memory: Any = torch.utils.deterministic
    before_fill, memory.fill_uninitialized_memory = memory.fill_uninitialized_memory, False  # or all is written twice
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        with threadpool_limits(limits=threads):
            yield
    finally:
        torch.set_num_threads(before_threads)
        torch.set_deterministic_debug_mode(before_mode)
        memory.fill_uninitialized_memory = before_fill
        torch.backends.cudnn.benchmark = before_search


@contextmanager
def any_size() -> Iterator[None]:
    """No search for the fastest kernels, which would come with every new size of a batch."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
