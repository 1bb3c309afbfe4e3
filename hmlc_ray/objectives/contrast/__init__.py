"""The contrast that the objectives sum: rows against rows, at every level of the taxonomy, and its gradient.

Start reading at `plain`, which says what is computed; `engine` has the entry points.
"""

from __future__ import annotations

from hmlc_ray.objectives.contrast.engine import constrained_contrast, contrast_one, level_contrast
from hmlc_ray.objectives.contrast.terms import ColumnWeights, LevelTerms, Prototypes
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
