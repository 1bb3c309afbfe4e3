"""SupCon at one level, and NT-Xent, which is SupCon where every sample is its own class."""

from __future__ import annotations

import torch
from torch import Tensor

from hmlc_ray.config.objective import SimclrConfig, SupconConfig
from hmlc_ray.objectives.base import Batch, LossReport, Objective
from hmlc_ray.objectives.contrast import LevelTerms, level_contrast
from hmlc_ray.objectives.vectors import LevelVectors, full_precision, normalise
from hmlc_ray.taxonomy import Taxonomy


class Supcon(Objective):
    """Supervised contrastive loss, L_out of arXiv 2004.11362 (eq. 2), at one level.

    The mean over positives stands outside the logarithm; the mean over anchors leaves out anchors without a positive.
    Deviation: the released code multiplies by tau / 0.07, which only scales the gradient; we do not.
    """

    def __init__(self, config: SupconConfig, *, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.temperature = config.temperature
        self.chunk = config.chunk
        self.level = taxonomy.level_index(config.level)

    def forward(self, batch: Batch) -> LossReport:
        """The loss of embeddings [n, D] with paths [n, H]; the other levels are NaN in the report."""
        report = contrast_one(batch.embeddings, batch.paths[:, self.level], self.temperature, self.chunk)
        per_level = report.per_level.new_full((batch.paths.shape[1],), torch.nan)
        per_level[self.level] = report.per_level[0]
        valid = torch.zeros_like(batch.paths[0])
        valid[self.level] = report.num_valid_anchors[0]
        return LossReport(report.total, per_level, valid)


class Simclr(Objective):
    """NT-Xent (arXiv 2002.05709, eq. 1): a row's positives are the other views of its sample; labels are unused."""

    def __init__(self, config: SimclrConfig) -> None:
        super().__init__()
        self.temperature = config.temperature
        self.chunk = config.chunk

    def forward(self, batch: Batch) -> LossReport:
        """The loss of embeddings [n, D] with sample ids [n]; it uses no level, so all are NaN in the report."""
        report = contrast_one(batch.embeddings, batch.instance, self.temperature, self.chunk)
        unused = report.per_level.new_full((batch.paths.shape[1],), torch.nan)
        extras = {"valid_anchors": report.num_valid_anchors[0]}
        return LossReport(report.total, unused, torch.zeros_like(batch.paths[0]), extras)


def contrast_one(embeddings: Tensor, labels: Tensor, temperature: float, chunk: int | None) -> LossReport:
    """SupCon of embeddings [n, D] under one labelling [n]; the report has one level."""
    terms = LevelTerms((temperature,), torch.ones(1, device=embeddings.device), chunk=chunk)
    unit = normalise(full_precision(embeddings))
    return level_contrast(LevelVectors.shared(unit, 1), labels[:, None], terms)
