"""MLCL: a projection head and a temperature per level (arXiv 2502.02202)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hmlc_ray.config.objective import MlclConfig
from hmlc_ray.objectives.base import Batch, LossReport
from hmlc_ray.objectives.contrast import bounded, full_precision, normalise
from hmlc_ray.objectives.level_objective import LevelObjective


class Mlcl(LevelObjective):
    """L = sum_h w_h SupCon_h(P_h(f)) / sum_h w_h, with a head P_h per level on the feature f.

    The nearest ablation of A-HMLC: separate spaces per level, but free projections instead of masks on one embedding.
    A head is F -> F -> D with ReLU, as in SupCon. The encoder's common projection head is not used.
    """

    needs_features = True

    def __init__(
        self,
        config: MlclConfig,
        *,
        class_counts: Sequence[npt.NDArray[np.int64]],
        embedding_dim: int,
        feature_dim: int,
    ) -> None:
        super().__init__(config, class_counts=class_counts, embedding_dim=embedding_dim)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(feature_dim, feature_dim), nn.ReLU(), nn.Linear(feature_dim, embedding_dim))
            for _ in class_counts
        )

    def forward(self, batch: Batch) -> LossReport:
        """The loss of features [n, F] with paths [n, H]."""
        assert batch.features is not None
        with torch.autocast(batch.features.device.type, enabled=False):
            features = bounded(full_precision(batch.features))
            embeddings = torch.stack([head(features) for head in self.heads], dim=1)
            return self.contrast_vectors(normalise(embeddings), batch.paths)
