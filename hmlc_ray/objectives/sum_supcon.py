"""Sum-SupCon: SupCon at every level on one embedding, the confound that any mask must beat."""

from __future__ import annotations

from hmlc_ray.objectives.base import Batch, LossReport
from hmlc_ray.objectives.level_objective import LevelObjective


class SumSupcon(LevelObjective):
    """L = sum_h w_h SupCon_h / sum_h w_h, all levels on the whole embedding z.

    With one temperature and no balanced denominator every level has the same log-sum-exp, so H levels cost one SupCon.
    """

    def forward(self, batch: Batch) -> LossReport:
        """The loss of embeddings [n, D] with paths [n, H]."""
        return self.contrast_masked(batch)
