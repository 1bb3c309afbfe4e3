"""Which way a contrast is computed depends on where its tensors are; this is the one place that asks."""

from __future__ import annotations

from torch import Tensor


def on_cpu(tensor: Tensor) -> bool:
    """Whether memory traffic is what costs (a CPU), and not the number of operations (an accelerator)."""
    return tensor.device.type == "cpu"
