"""Counts what a step asks of an accelerator, on any device: its kernels, and where it would wait for values."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

VIEWS = frozenset(
    [
        "view",
        "_unsafe_view",
        "_reshape_alias",
        "expand",
        "transpose",
        "t",
        "permute",
        "select",
        "slice",
        "unsqueeze",
        "squeeze",
        "split",
        "split_with_sizes",
        "chunk",
        "unbind",
        "diagonal",
        "as_strided",
        "alias",
        "detach",
        "unfold",
        "view_as_real",
        "empty",
        "empty_like",
        "empty_strided",
        "new_empty",
        "new_empty_strided",
        "lift_fresh",
    ]
)
"""Operations of no kernel; every other one counts as one, though a few (sorting, cumulative sums) are several."""
WAITS = frozenset(
    [
        "_local_scalar_dense",
        "nonzero",
        "masked_select",
        "_unique2",
        "unique_dim",
        "unique_consecutive",
        "equal",
        "is_nonzero",
        "lift_fresh",
    ]
)
"""Operations whose result the host reads, or that copy numbers of Python to the device (`lift_fresh`)."""


class Launches(TorchDispatchMode):
    """`kernels` and `waits` of what runs under it, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.removeprefix("aten::")
        if name not in VIEWS:
            self.kernels[name] += 1
        if name in WAITS or (name.startswith(("index", "_index_put")) and _by_truth(args)):
            self.waits[name] += 1
        return func(*args, **(kwargs or {}))


def _by_truth(args: Any) -> bool:
    """Whether something is indexed by true and false, so that the number of results depends on values."""
    indices = args[1] if len(args) > 1 and isinstance(args[1], (list, tuple)) else ()
    return any(isinstance(index, torch.Tensor) and index.dtype in (torch.bool, torch.uint8) for index in indices)
