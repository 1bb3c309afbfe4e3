"""The contrast that the objectives sum: rows against rows, at every level of the taxonomy, and its gradient."""

from __future__ import annotations

import torch
from torch import Tensor

from hmlc_ray.objectives.base import LossReport
from hmlc_ray.objectives.contrast.constrained import constrained_contrast
from hmlc_ray.objectives.contrast.engine import ColumnWeights, LevelTerms, Prototypes, level_contrast
from hmlc_ray.objectives.contrast.vectors import LevelVectors, bounded, full_precision, normalise

__all__ = [
    "ColumnWeights",
    "LevelTerms",
    "LevelVectors",
    "Prototypes",
    "bounded",
    "constrained_contrast",
    "contrast_one",
    "full_precision",
    "level_contrast",
    "normalise",
]


def contrast_one(embeddings: Tensor, labels: Tensor, temperature: float, chunk: int | None) -> LossReport:
    """SupCon of embeddings [n, D] under one labelling [n]; the report has one level."""
    terms = LevelTerms((temperature,), torch.ones(1, device=embeddings.device), chunk=chunk)
    unit = normalise(full_precision(embeddings))
    return level_contrast(LevelVectors.shared(unit, 1), labels[:, None], terms)
