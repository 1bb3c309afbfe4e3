"""What the objectives that sum one contrast per level share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hmlc_ray.config.objective import LevelsSection
from hmlc_ray.objectives.balance import Balance, InLevel
from hmlc_ray.objectives.base import Batch, LossReport, Objective
from hmlc_ray.objectives.contrast import constrained_contrast, level_contrast
from hmlc_ray.objectives.levels import level_temperatures, level_weights
from hmlc_ray.objectives.vectors import FeatureMasks, full_precision, normalise


class LevelObjective(Objective):
    """L = sum_h w_h L_h / sum_h w_h; a subclass chooses the vectors that each level contrasts.

    Args:
        config: temperatures, level weights, imbalance mode, chunk.
        class_counts: N_c^h, per level an int64 array [C_h]: training samples per class; H and C_h are read off it.
        embedding_dim: D.
    """

    weights: Tensor
    """w, float [H]."""

    def __init__(
        self,
        config: LevelsSection,
        *,
        class_counts: Sequence[npt.NDArray[np.int64]],
        embedding_dim: int,
    ) -> None:
        super().__init__()
        num_classes = [len(counts) for counts in class_counts]
        self.temperatures = level_temperatures(config, len(num_classes))
        self.register_buffer("weights", level_weights(config, num_classes), persistent=False)
        self.balance = Balance(config, class_counts, embedding_dim)
        self.chunk = config.chunk

    def contrast_masked(
        self, batch: Batch, masks: FeatureMasks | None = None, *, constrained: bool = False
    ) -> LossReport:
        """Contrast the embeddings under constant masks; None: the whole embedding at every level.

        Prototypes average whole unit embeddings and are masked when used, so they outlive a change of the masks.
        """
        unit = normalise(full_precision(batch.embeddings))
        if masks is None:
            vectors: tuple[Tensor, ...] = (unit,) * batch.paths.shape[1]
            report = self._contrast(vectors, batch.paths, lambda stored, level: normalise(stored), constrained)
        else:
            report = self._contrast(masks.vectors(batch.embeddings), batch.paths, masks.apply, constrained)
        self.balance.update((unit,) * batch.paths.shape[1], batch.paths)
        return report

    def contrast_vectors(
        self, vectors: Sequence[Tensor], paths: Tensor, extras: dict[str, Tensor] | None = None
    ) -> LossReport:
        """Contrast unit vectors of the caller's making, per level [n, D]; prototypes average these."""
        report = self._contrast(vectors, paths, lambda stored, level: normalise(stored))
        self.balance.update(vectors, paths)
        return report if extras is None else replace(report, extras=extras)

    def contrast_level(self, unit: Tensor, paths: Tensor, level: int) -> tuple[Tensor, Tensor]:
        """One level's loss of unit rows [n, D] with paths [n, H], and its number of valid anchors; no update."""
        alpha = self.balance.anchor_weights(paths)
        omega, prototypes = self.balance.columns(paths, lambda stored, level: normalise(stored))
        report = level_contrast(
            (unit,),
            paths[:, level, None],
            temperatures=self.temperatures[level : level + 1],
            weights=torch.ones_like(self.weights[:1]),
            anchor_weights=None if alpha is None else alpha[:, level, None],
            column_weights=None if omega is None else omega[:, level, None],
            prototypes=None if prototypes is None else prototypes[level : level + 1],
            chunk=self.chunk,
        )
        return report.total, report.num_valid_anchors[0]

    def _contrast(
        self, vectors: Sequence[Tensor], paths: Tensor, in_level: InLevel, constrained: bool = False
    ) -> LossReport:
        omega, prototypes = self.balance.columns(paths, in_level)
        contrast = constrained_contrast if constrained else level_contrast
        return contrast(
            vectors,
            paths,
            temperatures=self.temperatures,
            weights=self.weights,
            anchor_weights=self.balance.anchor_weights(paths),
            column_weights=omega,
            prototypes=prototypes,
            chunk=self.chunk,
        )
