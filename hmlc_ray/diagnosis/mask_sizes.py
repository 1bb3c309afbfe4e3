"""How many dimensions each level has, as its mask was fitted again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hmlc_ray.arrays import FloatArray, IntArray

Points = Sequence[tuple[int, float]]
"""(epoch, value) of one metric."""


@dataclass(frozen=True, eq=False)
class MaskSizes:
    """The sum of each level's mask over the epochs of a run; of a hard mask the number of its dimensions."""

    epochs: IntArray
    """Epochs after which it is known, ascending, int64 [T]."""
    dims: FloatArray
    """float64 [T, H]."""


def metric_names(num_levels: int) -> list[str]:
    """The metrics of a run that `mask_sizes` reads."""
    return [name.format(h) for name in (_DIMS, _GATES) for h in range(num_levels)]


_DIMS, _GATES = "mask/dims/{}", "train/gate_mean/{}"


def mask_sizes(metrics: Mapping[str, Points], num_levels: int, dim: int) -> MaskSizes | None:
    """The sizes that a run logged: `mask/dims/<h>`, or of `a-hmlc` D times `train/gate_mean/<h>`; None: it did not.

    Args:
        dim: D.
    """
    for name, scale in ((_DIMS, 1), (_GATES, dim)):
        levels = [dict(metrics.get(name.format(h), ())) for h in range(num_levels)]
        epochs = sorted(set.intersection(*(set(level) for level in levels)))
        if epochs:
            values = np.array([[level[epoch] * scale for level in levels] for epoch in epochs])
            return MaskSizes(np.array(epochs), values)
    return None
