"""MLCL: a projection head and a temperature per level (arXiv 2502.02202)."""

from __future__ import annotations

import torch
from torch import nn

from hmlc_ray.config.objective import MlclConfig
from hmlc_ray.objectives.base import Batch, Dims, LossReport
from hmlc_ray.objectives.contrast import bounded, full_precision, normalise
from hmlc_ray.objectives.level_objective import LevelObjective


class Mlcl(LevelObjective):
    """L = sum_h w_h SupCon_h(P_h(f)) / sum_h w_h, with a head P_h per level on the feature f.

    The nearest ablation of A-HMLC: separate spaces per level, but free projections instead of masks on one embedding.
    A head is F -> F -> D with ReLU, as in SupCon. The encoder's common projection head is not used.
    """

    needs_features = True

    def __init__(self, config: MlclConfig, dims: Dims) -> None:
        super().__init__(config, dims)
        width = dims.feature_dim
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, dims.embedding_dim))
            for _ in dims.class_counts
        )

    def forward(self, batch: Batch) -> LossReport:
        """The loss of features [n, F] with paths [n, H]."""
        assert batch.features is not None
        with torch.autocast(batch.features.device.type, enabled=False):
            features = bounded(full_precision(batch.features))
            embeddings = torch.stack([head(features) for head in self.heads], dim=1)
            return self.contrast_vectors(normalise(embeddings), batch.paths)
