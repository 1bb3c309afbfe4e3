"""What the objectives that sum one contrast per level share."""

from __future__ import annotations

from torch import Tensor

from hmlc_ray.config.objective import LevelsSection
from hmlc_ray.objectives.base import Batch, Dims, LossReport, Objective
from hmlc_ray.objectives.contrast import LevelTerms, LevelVectors, full_precision, level_contrast, normalise
from hmlc_ray.objectives.contrast.balance import Balance, InLevels
from hmlc_ray.objectives.level_weights import level_temperatures, level_weights
from hmlc_ray.objectives.masks.feature_masks import FeatureMasks


class LevelObjective(Objective):
    """L = sum_h w_h L_h / sum_h w_h; a subclass chooses the vectors that each level contrasts.

    Args:
        config: temperatures, level weights, imbalance mode, chunk.
        dims: H, C_h, N_c^h and D.
    """

    weights: Tensor
    """w, float [H]."""

    def __init__(self, config: LevelsSection, dims: Dims) -> None:
        super().__init__()
        num_classes = [len(counts) for counts in dims.class_counts]
        self.temperatures = level_temperatures(config, len(num_classes))
        self.register_buffer("weights", level_weights(config, num_classes), persistent=False)
        self.balance = Balance(config, dims.class_counts, dims.embedding_dim)
        self.chunk = config.chunk

    def contrast_masked(self, batch: Batch, masks: FeatureMasks | None = None) -> LossReport:
        """Contrast the embeddings under constant masks; None: the whole embedding at every level.

        Prototypes average whole unit embeddings and are masked when used, so they outlive a change of the masks.
        """
        levels = batch.paths.shape[1]
        if masks is None or self.balance.mode == "denominator":
            unit = normalise(full_precision(batch.embeddings))
        if masks is None:
            report = level_contrast(LevelVectors.shared(unit, levels), batch.paths, self.terms(batch.paths))
        else:
            terms = self.terms(batch.paths, masks.vectors)
            report = level_contrast(masks.vectors(batch.embeddings), batch.paths, terms)
        if self.balance.mode == "denominator":
            self.balance.update((unit,) * levels, batch.paths)
        return report

    def contrast_vectors(self, vectors: Tensor, paths: Tensor) -> LossReport:
        """Contrast unit vectors of the caller's making, per level [n, H, D]; prototypes average these."""
        report = level_contrast(LevelVectors.stacked(vectors), paths, self.terms(paths))
        self.balance.update(vectors.unbind(1), paths)
        return report

    def terms(self, paths: Tensor, in_levels: InLevels | None = None, rows: Tensor | None = None) -> LevelTerms:
        """Temperatures and weights for rows with paths [n, H]; `rows`, bool [n, H], take part at each level.

        `in_levels` puts prototypes into the levels' spaces; None: they are there, but for their length.
        """

        def as_stored(prototypes: Tensor) -> LevelVectors:
            return LevelVectors.shared(normalise(prototypes), paths.shape[1])

        return LevelTerms(
            self.temperatures,
            self.weights,
            anchor_weights=self.balance.anchor_weights(paths),
            columns=self.balance.columns(paths, in_levels or as_stored, rows),
            chunk=self.chunk,
        )
