"""An objective: the nearest centroid of the batch."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from hmlc_example.config import CentroidConfig
from hmlc_ray.objectives import Batch, Dims, LossReport, Objective
from hmlc_ray.objectives.level_weights import level_weights


class Centroid(Objective):
    """L = sum_h w_h CE_h / sum_h w_h, with z.c / tau_h as logits and c the mean unit embedding of a class."""

    weights: Tensor

    def __init__(self, config: CentroidConfig, dims: Dims) -> None:
        super().__init__()
        levels = dims.taxonomy.num_levels
        given = config.temperature
        self.temperatures = given if isinstance(given, tuple) else (given,) * levels
        self.used_dims = config.used_dims or dims.embedding_dim
        self.register_buffer("weights", level_weights(config, dims.taxonomy.num_classes), persistent=False)

    def forward(self, batch: Batch) -> LossReport:
        """The loss of embeddings [n, D] with paths [n, H]."""
        unit = functional.normalize(batch.embeddings[:, : self.used_dims], dim=1)
        levels = zip(batch.paths.T, self.temperatures, strict=True)
        losses = torch.stack([self._loss(unit, labels, tau) for labels, tau in levels])
        weights = self.weights.to(losses)
        valid = torch.full_like(batch.paths[0], len(unit))
        return LossReport((weights * losses).sum() / weights.sum(), losses.detach(), valid)

    @staticmethod
    def _loss(unit: Tensor, labels: Tensor, tau: float) -> Tensor:
        classes, own = torch.unique(labels, return_inverse=True)
        sums = unit.new_zeros(len(classes), unit.shape[1]).index_add(0, own, unit)
        return functional.cross_entropy(unit @ functional.normalize(sums, dim=1).T / tau, own)
