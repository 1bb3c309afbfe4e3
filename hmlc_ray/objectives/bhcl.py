"""BHCL: balanced hierarchical contrast (arXiv 2512.24074)."""

from __future__ import annotations

from hmlc_ray.config.objective import BhclConfig, LevelsSection
from hmlc_ray.objectives.base import Batch, Dims, LossReport
from hmlc_ray.objectives.level_objective import LevelObjective


class Bhcl(LevelObjective):
    """Per-level SupCon with the balanced denominator and prototypes of `Balance`, w_h = exp(1 / (H - h)), h from 0.

    The first `unbalanced_epochs` epochs contrast without balance, while the prototypes already follow the classes.
    Ours, since we state the method from its description: positives are rows of the batch alone (a prototype is
    not a positive), and sum_h w_h divides the sum.
    """

    def __init__(self, config: BhclConfig, dims: Dims) -> None:
        levels = LevelsSection(
            temperature=config.temperature,
            level_weights="exp",
            imbalance="denominator",
            prototype_momentum=config.prototype_momentum,
            chunk=config.chunk,
        )
        super().__init__(levels, dims)
        self.unbalanced_epochs = config.unbalanced_epochs

    def begin_epoch(self, epoch: int, num_epochs: int) -> None:
        """Switch the balance on after the unbalanced epochs."""
        self.balance.in_use = epoch >= self.unbalanced_epochs

    def forward(self, batch: Batch) -> LossReport:
        """The loss of embeddings [n, D] with paths [n, H]."""
        return self.contrast_masked(batch)
