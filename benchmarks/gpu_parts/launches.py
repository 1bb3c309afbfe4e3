"""Counts what a step asks of an accelerator, on any device: its kernels, and where it would wait for values."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

NO_KERNEL = frozenset(
    {"_unsafe_view", "lift_fresh", *("empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided")}
)
"""Operations of no kernel, besides views; every other counts as one, though a few (sorting, sums) are several."""
WAITS = frozenset(
    {
        *("_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select"),
        *("_unique2", "unique_dim", "unique_consecutive", "lift_fresh"),
    }
)
"""Operations whose result the host reads, or (`lift_fresh`) that copy numbers of Python to the device."""


class Launches(TorchDispatchMode):
    """`kernels` and `waits` of what runs under it, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.removeprefix("aten::")
        if not func.is_view and name not in NO_KERNEL:
            self.kernels[name] += 1
        if name in WAITS or (name.startswith(("index", "_index_put")) and _by_truth(args)):
            self.waits[name] += 1
        return func(*args, **(kwargs or {}))


def _by_truth(args: Any) -> bool:
    """Whether something is indexed by true and false, so that the number of results depends on values."""
    indices = args[1] if len(args) > 1 and isinstance(args[1], (list, tuple)) else ()
    return any(isinstance(index, torch.Tensor) and index.dtype in (torch.bool, torch.uint8) for index in indices)
