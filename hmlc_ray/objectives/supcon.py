"""SupCon: the supervised contrastive loss at one level (arXiv 2004.11362)."""

from __future__ import annotations

import torch

from hmlc_ray.config.objective import SupconConfig
from hmlc_ray.objectives.base import Batch, Dims, LossReport, Objective
from hmlc_ray.objectives.contrast import contrast_one


class Supcon(Objective):
    """Supervised contrastive loss, L_out of arXiv 2004.11362 (eq. 2), at one level.

    The mean over positives is outside the logarithm; the mean over anchors leaves out anchors without a positive.
    Deviation: the released code multiplies by tau / 0.07, which only scales the gradient; we do not.
    """

    def __init__(self, config: SupconConfig, dims: Dims) -> None:
        super().__init__()
        self.temperature = config.temperature
        self.chunk = config.chunk
        self.level = dims.taxonomy.level_index(config.level)

    def forward(self, batch: Batch) -> LossReport:
        """The loss of embeddings [n, D] with paths [n, H]; the other levels are NaN in the report."""
        report = contrast_one(batch.embeddings, batch.paths[:, self.level], self.temperature, self.chunk)
        per_level = report.per_level.new_full((batch.paths.shape[1],), torch.nan)
        per_level[self.level] = report.per_level[0]
        valid = torch.zeros_like(batch.paths[0])
        valid[self.level] = report.num_valid_anchors[0]
        return LossReport(report.total, per_level, valid)
