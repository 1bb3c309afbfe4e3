"""SimCLR: NT-Xent, which is SupCon where every sample is its own class (arXiv 2002.05709)."""

from __future__ import annotations

import torch

from hmlc_ray.config.objective import SimclrConfig
from hmlc_ray.objectives.base import Batch, Dims, LossReport, Objective
from hmlc_ray.objectives.contrast import contrast_one


class Simclr(Objective):
    """NT-Xent (arXiv 2002.05709, eq. 1): a row's positives are the other views of its sample; labels are unused."""

    def __init__(self, config: SimclrConfig, dims: Dims) -> None:
        super().__init__()
        self.temperature = config.temperature
        self.chunk = config.chunk

    def forward(self, batch: Batch) -> LossReport:
        """The loss of embeddings [n, D] with sample ids [n]; it uses no level, so all are NaN in the report."""
        report = contrast_one(batch.embeddings, batch.instance, self.temperature, self.chunk)
        unused = report.per_level.new_full((batch.paths.shape[1],), torch.nan)
        extras = {"valid_anchors": report.num_valid_anchors[0]}
        return LossReport(report.total, unused, torch.zeros_like(batch.paths[0]), extras)
