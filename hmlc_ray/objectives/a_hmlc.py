"""A-HMLC: one attention head per level gives a soft feature mask per sample (arXiv 2510.00837)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from hmlc_ray.config.objective import AHmlcConfig
from hmlc_ray.objectives.base import Batch, LossReport
from hmlc_ray.objectives.contrast.vectors import bounded, full_precision, unit_gradient, unit_vectors
from hmlc_ray.objectives.level_objective import LevelObjective


class AHmlc(LevelObjective):
    """m_{i,h} = sigmoid( W2_h ReLU(W1_h z_i) / T_a ), and level h contrasts m_{i,h} * z_i, normalised.

    The paper's: one attention head per level that gives a soft mask. Ours, since its equations are not public: the
    bottleneck D -> D/r -> D, biases in both layers, the last one starting at `initial_bias`, the temperature T_a inside
    the sigmoid, and the penalty lambda sum_{h<k} cos^2(mean gate h, mean gate k) over the batch.
    """

    mean_gates: Tensor
    """float [H, D], the mean gate of the last training batch."""

    def __init__(
        self, config: AHmlcConfig, *, class_counts: Sequence[npt.NDArray[np.int64]], embedding_dim: int
    ) -> None:
        super().__init__(config, class_counts=class_counts, embedding_dim=embedding_dim)
        self.attention_temperature = config.attention_temperature
        self.overlap_penalty = config.overlap_penalty
        levels = len(class_counts)
        self.heads = nn.ModuleList(
            _attention_head(embedding_dim, config.bottleneck, config.initial_bias) for _ in range(levels)
        )
        self.register_buffer("mean_gates", torch.ones(levels, embedding_dim))

    def forward(self, batch: Batch) -> LossReport:
        """The loss of embeddings [n, D] with paths [n, H]."""
        with torch.autocast(batch.embeddings.device.type, enabled=False):
            rows = full_precision(batch.embeddings)
            parts = [
                _Gated.apply(rows, own, last.weight, last.bias, self.attention_temperature)  # type: ignore[no-untyped-call]
                for own, (_, _, last) in zip(self._hidden(rows), self._layers(), strict=True)
            ]
            report = self.contrast_vectors([v for v, _ in parts], batch.paths)
            means = torch.stack([mean for _, mean in parts])
            overlap = _overlap(means)
        if self.training:
            self.mean_gates.copy_(means.detach())
        extras = {f"gate_mean/{h}": mean for h, mean in enumerate(means.detach().mean(dim=1))}
        extras["gate_overlap"] = overlap.detach()
        total = report.total + self.overlap_penalty * overlap if self.overlap_penalty else report.total
        return LossReport(total, report.per_level, report.num_valid_anchors, extras)

    def _layers(self) -> list[list[nn.Module]]:
        return [list(head.children()) for head in self.heads]

    def _hidden(self, rows: Tensor) -> tuple[Tensor, ...]:
        """ReLU(W1_h z), per level [n, D/r]: the first layers of all levels as one."""
        first = [layers[0] for layers in self._layers()]
        weights = [getattr(layer, name) for name in ("weight", "bias") for layer in first]
        hidden: Tensor = _Hidden.apply(rows, *weights)  # type: ignore[no-untyped-call]
        return hidden.chunk(len(first), dim=1)

    def masks(self) -> Tensor:
        """float [H, D]: the mean gates of the last training batch."""
        return self.mean_gates


class _Hidden(torch.autograd.Function):
    """ReLU(W z + b) with z bounded and the levels' W and b as one; neither these nor the bounded copy are kept."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, *layers: Tensor) -> Tensor:
        weights, biases = layers[: len(layers) // 2], layers[len(layers) // 2 :]
        hidden = functional.linear(bounded(rows), torch.cat(weights), torch.cat(biases)).relu_()
        ctx.save_for_backward(rows, hidden, *weights)
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, ...]:
        rows, hidden, *weights = ctx.saved_tensors
        own, clipped = gradient * (hidden > 0), bounded(rows)
        with torch.autocast(rows.device.type, enabled=False):
            to_rows = (own @ torch.cat(weights)).mul_(clipped == rows)
            to_weights, to_biases = own.T @ clipped, own.sum(dim=0)
        return to_rows, *to_weights.chunk(len(weights)), *to_biases.chunk(len(weights))


class _Gated(torch.autograd.Function):
    """v of m * z with m = sigmoid((hidden W^T + b) / T), and the mean of m; gates are not kept but computed anew."""

    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, hidden: Tensor, weight: Tensor, bias: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        gate = _gate(hidden, weight, bias, temperature)
        mean = gate.mean(dim=0)
        unit, divisor, turns = unit_vectors(gate.mul_(rows), in_place=True)
        ctx.temperature = temperature
        ctx.save_for_backward(rows, hidden, weight, bias, unit, divisor, turns)
        return unit, mean

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, to_unit: Tensor, to_mean: Tensor) -> tuple[Tensor | None, ...]:
        rows, hidden, weight, bias, *unit = ctx.saved_tensors
        with torch.autocast(rows.device.type, enabled=False):
            gate = _gate(hidden, weight, bias, ctx.temperature)
            to_product = unit_gradient(to_unit, *unit)
            to_gate = torch.addcmul(to_mean / len(rows), to_product, rows)
            to_logits = torch.ops.aten.sigmoid_backward(to_gate, gate).div_(ctx.temperature)
            to_rows = to_product.mul_(gate)
            return to_rows, to_logits @ weight, to_logits.T @ hidden, to_logits.sum(dim=0), None


def _gate(hidden: Tensor, weight: Tensor, bias: Tensor, temperature: float) -> Tensor:
    return functional.linear(hidden, weight, bias).div_(temperature).sigmoid_()


def _attention_head(width: int, reduction: int, initial_bias: float) -> nn.Sequential:
    hidden = max(1, width // reduction)
    last = nn.Linear(hidden, width)
    nn.init.constant_(last.bias, initial_bias)
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), last)


def _overlap(means: Tensor) -> Tensor:
    """Sum over pairs of levels of the squared cosine of their mean gates [H, D]."""
    unit = functional.normalize(means, dim=1)
    return (unit @ unit.T).square().triu(diagonal=1).sum()
