"""CPU or accelerator? Here alone is it asked; the way in which a contrast is computed follows from it."""

from __future__ import annotations

from torch import Tensor


def on_cpu(tensor: Tensor) -> bool:
    """Whether memory traffic is what costs (a CPU), and not the number of operations (an accelerator)."""
    return tensor.device.type == "cpu"
