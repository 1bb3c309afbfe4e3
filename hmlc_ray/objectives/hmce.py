"""HiMulCon, HiConE and HiMulConE of *Use All The Labels* (arXiv 2204.13207): `hmc`, `hce`, `hmce`.

Their levels count l = 1 at the finest and L at the coarsest; ours count h = 0 at the coarsest, so l = H - h.
S_l is SupCon at level l (positives share the class at level l, and with it at every coarser level), phi a level weight:

    hmc:  sum_l phi(1/l) S_l
    hce:  sum_l max(S_l, M_{l-1})             M_l the largest loss at levels 1..l, M_0 = -inf
    hmce: sum_l phi(1/l) max(S_l, M_{l-1})
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hmlc_ray.config.objective import HceConfig, HmcConfig, HmceConfig
from hmlc_ray.objectives.base import Batch, LossReport
from hmlc_ray.objectives.contrast.constrained import constrained_contrast
from hmlc_ray.objectives.contrast.engine import level_contrast
from hmlc_ray.objectives.contrast.vectors import LevelVectors, full_precision, normalise
from hmlc_ray.objectives.level_objective import LevelObjective


class HierarchicalMultiLabel(LevelObjective):
    """`hmc`, `hce` and `hmce` in two variants.

    `variant: code`, the default, is the released code. Its labels carry the sample's id as an extra, finest column,
    which no level contrasts: without it the code trains every level but the finest. After each level one sample per
    class is kept, with all its views; so a coarser level contrasts one sample per finer class. After the finest level
    that is the class's first sample in the batch. What is kept is in the order of the classes, not of the batch, so
    every later level keeps, of each class, the sample of its smallest finer class. The maximum is taken over the
    levels' means, and the sum is divided by the number of columns, H + 1, phi not being normalised. Deviations: no
    factor tau / 0.07, and anchors without a positive are left out (there, they make the loss NaN).

    `variant: paper` takes all pairs, and the maximum per pair: a pair of a level loses at least what the worst pair of
    any finer level loses (eq. 5). Deviation: the sum is divided by sum_l phi, not by L, a constant factor.

    In both variants the finer level gets the gradient where its loss is the larger one; the coarser gets none there.
    """

    def __init__(
        self,
        config: HmcConfig | HceConfig | HmceConfig,
        *,
        class_counts: Sequence[npt.NDArray[np.int64]],
        embedding_dim: int,
    ) -> None:
        super().__init__(config, class_counts=class_counts, embedding_dim=embedding_dim)
        self.variant = config.variant
        self.constrained = config.kind != "hmc"

    def forward(self, batch: Batch) -> LossReport:
        """The loss of embeddings [n, D] with paths [n, H] (and sample ids [n] for `code`)."""
        unit, levels = normalise(full_precision(batch.embeddings)), batch.paths.shape[1]
        if self.variant == "code":
            report = self._released(unit, batch)
        elif self.constrained:
            report = constrained_contrast(unit, batch.paths, self.terms(batch.paths))
        else:
            report = level_contrast(LevelVectors.shared(unit, levels), batch.paths, self.terms(batch.paths))
        self.balance.update((unit,) * levels, batch.paths)
        return report

    def _released(self, unit: Tensor, batch: Batch) -> LossReport:
        draw = batch.instance if batch.draw is None else batch.draw
        rows = torch.arange(len(unit), device=unit.device)
        losses, valid = [], []
        for level in reversed(range(batch.paths.shape[1])):
            paths = batch.paths[rows]
            vectors = LevelVectors.shared(unit[rows], 1)
            report = level_contrast(vectors, paths[:, level, None], self.terms(paths).of_level(level))
            losses.append(report.total)
            valid.append(report.num_valid_anchors[0])
            rows = rows[_first_samples(paths[:, level], draw[rows])]
        total = self._sum(losses[::-1])
        return LossReport(total, torch.stack(losses[::-1]).detach(), torch.stack(valid[::-1]))

    def _sum(self, losses: Sequence[Tensor]) -> Tensor:
        """Of level losses, coarsest first."""
        total, largest = losses[-1].new_zeros(()), None
        for loss, weight in zip(reversed(losses), self.weights.flip(0), strict=True):
            if largest is not None and self.constrained:
                loss = torch.maximum(loss, largest)
            largest = loss
            total = total + weight * loss
        return total / (len(losses) + 1)


def _first_samples(labels: Tensor, draw: Tensor) -> Tensor:
    """Of each class the rows of its first sample, class by class: int64, from labels [n] and draws [n]."""
    n = len(labels)
    classes = torch.unique(labels, return_inverse=True)[1]
    position = torch.arange(n, device=labels.device)
    first = torch.full_like(position, n).scatter_reduce_(0, classes, position, "amin")
    kept = (draw == draw[first[classes]]).nonzero()[:, 0]
    return kept[classes[kept].argsort(stable=True)]
