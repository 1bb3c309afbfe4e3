"""A-HMLC: one attention head per level gives a soft feature mask per sample (arXiv 2510.00837)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from hmlc_ray.config.objective import AHmlcConfig
from hmlc_ray.objectives.base import Batch, Dims, LossReport
from hmlc_ray.objectives.contrast import bounded, full_precision, normalise
from hmlc_ray.objectives.contrast.function import without_autocast
from hmlc_ray.objectives.level_objective import LevelObjective


class AHmlc(LevelObjective):
    """m_{i,h} = sigmoid( W2_h ReLU(W1_h z_i) / T_a ), and level h contrasts m_{i,h} * z_i, normalised.

    The paper's: one attention head per level that gives a soft mask. Ours, since its equations are not public: the
    bottleneck D -> D/r -> D, biases in both layers, the last one starting at `initial_bias`, the temperature T_a inside
    the sigmoid, and the penalty lambda sum_{h<k} cos^2(mean gate h, mean gate k) over the batch.
    """

    mean_gates: Tensor
    """float [H, D], the mean gate of the last training batch."""

    def __init__(self, config: AHmlcConfig, dims: Dims) -> None:
        super().__init__(config, dims)
        self.attention_temperature = config.attention_temperature
        self.overlap_penalty = config.overlap_penalty
        levels, width = dims.taxonomy.num_levels, dims.embedding_dim
        self.heads = nn.ModuleList(
            _attention_head(width, config.bottleneck, config.initial_bias) for _ in range(levels)
        )
        self.register_buffer("mean_gates", torch.ones(levels, width))

    def forward(self, batch: Batch) -> LossReport:
        """The loss of embeddings [n, D] with paths [n, H]."""
        with without_autocast(batch.embeddings):
            rows = full_precision(batch.embeddings)
            gates = self._gates(rows)
            report = self.contrast_vectors(normalise(gates * rows).transpose(0, 1), batch.paths)
            means = (gates if self.overlap_penalty else gates.detach()).mean(dim=1)
            overlap = _overlap(means)
        if self.training:
            self.mean_gates.copy_(means.detach())
        extras = {f"gate_mean/{h}": mean for h, mean in enumerate(means.detach().mean(dim=1))}
        extras["gate_overlap"] = overlap.detach()
        total = report.total + self.overlap_penalty * overlap if self.overlap_penalty else report.total
        return LossReport(total, report.per_level, report.num_valid_anchors, extras)

    def _gates(self, rows: Tensor) -> Tensor:
        """m, float [H, n, D], of rows [n, D]: the heads of all levels as one."""
        first, _, last = zip(*(head.children() for head in self.heads), strict=True)
        hidden = functional.linear(bounded(rows), torch.cat(_of(first, "weight")), torch.cat(_of(first, "bias"))).relu()
        by_level = hidden.view(len(rows), len(first), -1).transpose(0, 1)
        logits = torch.baddbmm(torch.stack(_of(last, "bias"))[:, None], by_level, torch.stack(_of(last, "weight")).mT)
        return torch.sigmoid(logits / self.attention_temperature)

    def masks(self) -> Tensor:
        """float [H, D]: the mean gates of the last training batch."""
        return self.mean_gates


def _of(layers: Sequence[nn.Module], name: str) -> list[Tensor]:
    return [getattr(layer, name) for layer in layers]


def _attention_head(width: int, reduction: int, initial_bias: float) -> nn.Sequential:
    hidden = max(1, width // reduction)
    last = nn.Linear(hidden, width)
    nn.init.constant_(last.bias, initial_bias)
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), last)


def _overlap(means: Tensor) -> Tensor:
    """Sum over pairs of levels of the squared cosine of their mean gates [H, D]."""
    unit = functional.normalize(means, dim=1)
    return (unit @ unit.T).square().triu(diagonal=1).sum()
