"""What goes into an objective and what comes out of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from hmlc_ray.arrays import IntArray
from hmlc_ray.taxonomy import Taxonomy


@dataclass(frozen=True)
class Dims:
    """What an objective is built for, besides its configuration."""

    taxonomy: Taxonomy
    """H levels, level h with C_h classes."""
    class_counts: Sequence[IntArray]
    """N_c^h, per level an int64 array [C_h]: training samples per class."""
    embedding_dim: int
    """D, the width of the embeddings z."""
    feature_dim: int
    """F, the width of the features f."""


@dataclass(frozen=True)
class Batch:
    """One global batch: the rows of all workers, n = views x samples."""

    embeddings: Tensor
    """z, float [n, D], before normalisation."""
    paths: Tensor
    """int64 [n, H]: the class at each level, coarsest first."""
    instance: Tensor
    """int64 [n]: rows with the same value are views of the same sample."""
    features: Tensor | None = None
    """f, float [n, F]; only for objectives with `needs_features`."""
    draw: Tensor | None = None
    """int64 [n]: rows with the same value are views of the same draw. None: as `instance`, no sample is in the batch
    twice (samplers may repeat a sample of a rare class)."""


@dataclass(frozen=True)
class LossReport:
    """A loss and what it is made of."""

    total: Tensor
    """Scalar with gradient."""
    per_level: Tensor
    """float [H], detached; 0 where a level has no valid anchor, NaN where the objective does not use the level."""
    num_valid_anchors: Tensor
    """int64 [H]: anchors with at least one positive."""
    extras: dict[str, Tensor] = field(default_factory=dict)
    """Scalars to log, detached."""


class Objective(nn.Module, ABC):
    """A loss over one global batch. It knows nothing of ranks; parameters and buffers live in the checkpoint."""

    needs_features = False
    """Whether `Batch.features` must be given (it is gathered only then)."""

    @abstractmethod
    def forward(self, batch: Batch) -> LossReport:
        """The loss of one batch."""

    def begin_epoch(self, epoch: int, num_epochs: int) -> None:
        """Called on every worker before an epoch (0-based)."""

    def end_epoch(self, epoch: int, num_epochs: int) -> dict[str, float]:
        """Called on every worker after an epoch (0-based); returns what is worth logging, e.g. of a mask refit."""
        return {}

    def masks(self) -> Tensor | None:
        """float [H, D], the feature mask per level, where the objective has one; for logging and evaluation."""
        return None
