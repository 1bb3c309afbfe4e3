"""Cross-entropy: linear classifiers on the features, with hierarchy-aware options."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from hmlc_ray.config.objective import CrossEntropyConfig
from hmlc_ray.objectives.base import Batch, Dims, LossReport, Objective
from hmlc_ray.objectives.contrast import bounded, full_precision
from hmlc_ray.objectives.level_weights import level_weights


class CrossEntropy(Objective):
    """L = sum_h w_h CE_h / sum_h w_h + penalty, with one linear classifier per level on the feature f.

    - `level: leaf`: the leaf classifier alone, whatever its weight.
    - `consistency_penalty`: plus its value times the Jensen-Shannon divergence between a level's prediction and the
      next finer one's summed over children, averaged over rows and neighbouring levels. CHBC penalises both directions
      of disagreement; the Jensen-Shannon divergence is symmetric, so one term holds both.
    - `max_constraint`: MCLoss of C-HMCNN (arXiv 2010.10151, eq. 3) instead of the softmax. Every class has a sigmoid;
      a class's output is the maximum over itself and its descendants, so predictions obey the tree; a true class's
      maximum runs over its true descendants alone. Deviation: summed over a level's classes and weighed by w_h, not
      averaged over all classes.
    """

    needs_features = True
    weights: Tensor
    levels: tuple[int, ...]

    def __init__(self, config: CrossEntropyConfig, dims: Dims) -> None:
        super().__init__()
        taxonomy = dims.taxonomy
        self.levels = (taxonomy.num_levels - 1,) if config.level == "leaf" else tuple(range(taxonomy.num_levels))
        self.classifiers = nn.ModuleList(nn.Linear(dims.feature_dim, taxonomy.num_classes[h]) for h in self.levels)
        weights = level_weights(config, taxonomy.num_classes)
        self.register_buffer("weights", torch.ones(1) if config.level == "leaf" else weights, persistent=False)
        self.consistency_penalty = config.consistency_penalty
        self.max_constraint = config.max_constraint
        for level, parents in enumerate(taxonomy.parents):
            self.register_buffer(f"parents_{level}", torch.tensor(parents), persistent=False)

    def forward(self, batch: Batch) -> LossReport:
        """The loss of features [n, F] with paths [n, H]."""
        assert batch.features is not None
        with torch.autocast(batch.features.device.type, enabled=False):
            features = bounded(full_precision(batch.features))
            logits = [classifier(features) for classifier in self.classifiers]
            paths = batch.paths[:, self.levels[0] :]
            losses = torch.stack(
                self._max_constraint(logits, paths) if self.max_constraint else _softmax(logits, paths)
            )
            weights = self.weights.to(losses)
            total = (weights * losses).sum() / weights.sum()
            extras = {}
            if self.consistency_penalty:
                divergence = self._divergence(logits)
                total = total + self.consistency_penalty * divergence
                extras["consistency"] = divergence.detach()
        # Only levels at the coarse end are left out, so that slices do: a list of levels would be copied to the device.
        unused = batch.paths.shape[1] - len(self.levels)
        per_level = functional.pad(losses.detach(), (unused, 0), value=torch.nan)
        valid = torch.zeros_like(batch.paths[0])
        valid[unused:].fill_(len(paths))
        return LossReport(total, per_level, valid, extras)

    def _parents(self, level: int) -> Tensor:
        parents: Tensor = getattr(self, f"parents_{level}")
        return parents

    def _max_constraint(self, logits: list[Tensor], paths: Tensor) -> list[Tensor]:
        """MCLoss per level. The sigmoid is monotone, so the maximum is taken over logits."""
        own, below, losses = None, None, []
        for level in reversed(range(len(logits))):
            outputs, truth = logits[level], paths[:, level : level + 1]
            true_output = outputs.gather(1, truth)
            if own is not None and below is not None:
                parent = self._parents(level + 1).expand(len(paths), -1)
                outputs = outputs.scatter_reduce(1, parent, below, "amax")
                true_output = torch.maximum(true_output, own)
            own, below = true_output, outputs
            negative = functional.softplus(outputs).scatter(1, truth, 0).sum(dim=1)
            losses.append((functional.softplus(-true_output[:, 0]) + negative).mean())
        return losses[::-1]

    def _divergence(self, logits: list[Tensor]) -> Tensor:
        """Jensen-Shannon divergence between neighbouring levels, averaged over rows and pairs of levels; of one, 0."""
        predictions = [torch.softmax(values, dim=1) for values in logits]
        terms = [] if len(logits) > 1 else [logits[0].new_zeros(())]
        for level, (coarse, fine) in enumerate(pairwise(predictions)):
            summed = torch.zeros_like(coarse).index_add(1, self._parents(level + 1), fine)
            terms.append(_jensen_shannon(coarse, summed))
        return torch.stack(terms).mean()


def _softmax(logits: list[Tensor], paths: Tensor) -> list[Tensor]:
    return [functional.cross_entropy(values, paths[:, h]) for h, values in enumerate(logits)]


def _jensen_shannon(first: Tensor, second: Tensor) -> Tensor:
    """Divergence of two batches of distributions [n, C], in nats, mean over rows. Clipped: log 0 has no gradient."""
    first, second = first.clamp_min(1e-12), second.clamp_min(1e-12)
    middle = ((first + second) / 2).log()
    divergence = (first * (first.log() - middle) + second * (second.log() - middle)) / 2
    return divergence.sum(dim=1).mean()
