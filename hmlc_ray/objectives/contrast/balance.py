"""Imbalance modes: weights of anchors and of the denominator's columns, and class prototypes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hmlc_ray.config.objective import LevelsSection
from hmlc_ray.objectives.contrast.terms import ColumnWeights, Prototypes
from hmlc_ray.objectives.contrast.vectors import LevelVectors

InLevels = Callable[[Tensor], LevelVectors]
"""Stored prototypes [n, D] to unit vectors in the levels' spaces."""


class Balance(nn.Module):
    """alpha, omega and prototypes of `imbalance: none | anchor | denominator`.

    anchor:      alpha_i^h = (N^h_{y_i})^-gamma, from the training counts
    denominator: omega_a^h = 1 / n^h_{y_a}, n counting the batch's rows of the class and its prototype, once it has one

    so that every class weighs the same in the denominator, as in balanced contrast (arXiv 2512.24074). A prototype is
    the exponential moving average of its class's mean vector. Those of a step come from the steps before it; a class
    not seen yet has none. In evaluation mode they do not change.

    Args:
        config: the mode and its settings.
        class_counts: N_c^h, per level an array [C_h].
        width: D, the width of the vectors that prototypes average.
    """

    def __init__(self, config: LevelsSection, class_counts: Sequence[npt.NDArray[np.int64]], width: int) -> None:
        super().__init__()
        self.mode = config.imbalance
        self.in_use = True
        """False: weigh nothing for now, but let the prototypes follow their classes."""
        self.momentum = config.prototype_momentum
        self.sizes = [len(counts) for counts in class_counts]
        offsets = np.cumsum([0, *self.sizes[:-1]])
        self.register_buffer("offsets", torch.as_tensor(offsets), persistent=False)
        if self.mode == "anchor":
            counts = np.concatenate(class_counts).clip(min=1).astype(np.float64)
            alpha = torch.as_tensor(counts**-config.imbalance_gamma, dtype=torch.float32)
            self.register_buffer("alpha", alpha, persistent=False)
        if self.mode == "denominator":
            self.register_buffer("prototypes", torch.zeros(sum(self.sizes), width))
            self.register_buffer("seen", torch.zeros(sum(self.sizes), dtype=torch.bool))

    offsets: Tensor
    alpha: Tensor
    prototypes: Tensor
    seen: Tensor

    def anchor_weights(self, paths: Tensor) -> Tensor | None:
        """alpha, float [n, H], of rows with paths [n, H]; None: ones."""
        return self.alpha[paths + self.offsets] if self.mode == "anchor" else None

    def columns(self, paths: Tensor, in_levels: InLevels, rows: Tensor | None = None) -> ColumnWeights | None:
        """omega for rows with paths [n, H], with the levels' prototypes; None: ones, and no prototypes.

        `rows`, bool [n, H], are those that take part at each level; None: all.
        """
        if self.mode != "denominator" or not self.in_use:
            return None if rows is None else ColumnWeights(rows)
        flat = paths + self.offsets
        omega = 1 / (self._counts(flat, rows) + self.seen).clamp_min(1)
        weights = torch.split(omega * self.seen, self.sizes)
        with torch.no_grad():
            stored = in_levels(self.prototypes)
        own = (torch.split(stored[h], self.sizes)[h] for h in range(len(self.sizes)))
        prototypes = tuple(map(Prototypes, own, weights))
        batch = omega[flat]
        return ColumnWeights(batch if rows is None else batch * rows, prototypes)

    @torch.no_grad()
    def update(self, vectors: Sequence[Tensor], paths: Tensor) -> None:
        """Move the prototypes towards the class means of a batch's unit vectors, per level [n, D]."""
        if self.mode != "denominator" or not self.training:
            return
        flat = paths + self.offsets
        counts = self._counts(flat)
        sums = torch.zeros_like(self.prototypes)
        for h, v in enumerate(vectors):
            sums.index_add_(0, flat[:, h], v.to(sums))
        mean = sums / counts.clamp_min(1)[:, None]
        moved = torch.lerp(mean, self.prototypes, self.momentum)
        present = (counts > 0)[:, None]
        self.prototypes.copy_(torch.where(present, torch.where(self.seen[:, None], moved, mean), self.prototypes))
        self.seen.logical_or_(counts > 0)

    def _counts(self, flat: Tensor, rows: Tensor | None = None) -> Tensor:
        """Rows per class over all levels, float [sum C_h]."""
        counts = torch.zeros(sum(self.sizes), device=flat.device)
        each = torch.ones_like(flat, dtype=counts.dtype) if rows is None else rows.to(counts)
        return counts.index_add_(0, flat.flatten(), each.flatten())
