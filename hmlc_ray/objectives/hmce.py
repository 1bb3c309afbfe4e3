"""HiMulCon, HiConE and HiMulConE of *Use All The Labels* (arXiv 2204.13207): `hmc`, `hce`, `hmce`.

Their levels count l = 1 at the finest and L at the coarsest; ours count h = 0 at the coarsest, so l = H - h.
S_l is SupCon at level l (positives share the class at level l, and with it at every coarser level), phi a level weight:

    hmc:  sum_l phi(1/l) S_l
    hce:  sum_l max(S_l, M_{l-1})             M_l the largest loss at levels 1..l, M_0 = -inf
    hmce: sum_l phi(1/l) max(S_l, M_{l-1})
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from hmlc_ray.config.objective import HceConfig, HmcConfig, HmceConfig
from hmlc_ray.objectives.base import Batch, Dims, LossReport
from hmlc_ray.objectives.contrast import (
    LevelVectors,
    constrained_contrast,
    full_precision,
    level_contrast,
    normalise,
)
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

    def __init__(self, config: HmcConfig | HceConfig | HmceConfig, dims: Dims) -> None:
        self.reverse = config.level_order == "fine_first"
        super().__init__(config, replace(dims, class_counts=dims.class_counts[::-1]) if self.reverse else dims)
        self.variant = config.variant
        self.constrained = config.kind != "hmc"

    def forward(self, batch: Batch) -> LossReport:
        """The loss of embeddings [n, D] with paths [n, H] (and sample ids [n] for `code`)."""
        if not self.reverse:
            return self._in_order(batch)
        report = self._in_order(replace(batch, paths=batch.paths.flip(1)))
        flipped = report.per_level.flip(0), report.num_valid_anchors.flip(0)
        return replace(report, per_level=flipped[0], num_valid_anchors=flipped[1])

    def _in_order(self, batch: Batch) -> LossReport:
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
        """A row that a level leaves out is not a column there and has its own class: no positive, no anchor."""
        paths = batch.paths
        kept = self._kept(paths, batch.instance if batch.draw is None else batch.draw)
        apart = -1 - torch.arange(len(paths), device=paths.device)[:, None]
        terms = replace(self.terms(paths, rows=kept), choose=self._factors)
        return level_contrast(LevelVectors.shared(unit, paths.shape[1]), torch.where(kept, paths, apart), terms)

    def _factors(self, losses: Tensor) -> Tensor:
        """What each level's loss counts in the sum, from the losses, both [H]: a maximum is one of them."""
        weights = self.weights.to(losses)
        if self.constrained:
            finest_first = losses.flip(0).cummax(dim=0).indices
            weights = torch.zeros_like(weights).index_add_(0, finest_first, weights.flip(0)).flip(0)
        return weights / (len(losses) + 1)

    def _kept(self, paths: Tensor, draw: Tensor) -> Tensor:
        """The rows that each level contrasts, bool [n, H], from paths [n, H] and draws [n]; without waiting for them.

        All at the finest level; a coarser one, of each class of the next finer, the rows of that class's first sample.
        """
        kept = torch.ones_like(draw, dtype=torch.bool)
        levels, order = [kept], torch.arange(len(draw), device=draw.device)
        for level in reversed(range(1, paths.shape[1])):
            classes = paths[:, level]
            first = self._smallest(order, kept, classes, level)
            # After the finest level one sample is left per class, so that its rows are those of its smallest order.
            kept = kept & (draw == draw[first] if len(levels) == 1 else order == first)
            levels.append(kept)
            order = classes
        return torch.stack(levels[::-1], dim=1)

    def _smallest(self, order: Tensor, kept: Tensor, classes: Tensor, level: int) -> Tensor:
        """For every row the smallest order of the rows kept of its class, int64 [n]."""
        beyond = torch.iinfo(order.dtype).max
        smallest = order.new_full((self.balance.sizes[level],), beyond)
        smallest.scatter_reduce_(0, classes, torch.where(kept, order, beyond), "amin")
        return smallest[classes]
