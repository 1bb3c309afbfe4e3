"""Two random views of every row of features, drawn per sample."""

from __future__ import annotations

import torch
from torch import Tensor

from hmlc_ray.config.features import FeatureViewsConfig
from hmlc_ray.data.base import Split
from hmlc_ray.data.column_statistics import column_statistics
from hmlc_ray.data.draws import generator_on


class TwoFeatureViews:
    """Two independent random views of every row: mixed with a row of the same leaf, noisy, with numbers left out."""

    def __init__(self, config: FeatureViewsConfig, train: Split) -> None:
        """Takes means and deviations, and the rows to mix in, from the training split."""
        self._config, self._train = config, train
        self._mean, self._deviation, _ = column_statistics(train)
        leaf = train.leaf.cpu()
        self._order = leaf.argsort(stable=True)
        self._counts = torch.bincount(leaf)
        self._starts = self._counts.cumsum(0) - self._counts

    def __call__(self, inputs: Tensor, generator: torch.Generator, leaf: Tensor | None = None) -> Tensor:
        """Float [B, D] to float32 [2, B, D].

        Args:
            generator: on the CPU; the same state gives the same views (bit for bit on the CPU).
            leaf: int64 [B], the samples' leaves, which `mixup` needs; each has a training row.
        """
        return torch.stack([self._view(inputs, generator, leaf) for _ in range(2)])

    def _view(self, rows: Tensor, generator: torch.Generator, leaf: Tensor | None) -> Tensor:
        config = self._config
        if config.mixup:
            assert leaf is not None, "rows of the same leaf are mixed"
            share = (torch.rand(len(rows), 1, generator=generator) * config.mixup).to(rows.device)
            rows = torch.lerp(rows, self._partners(leaf.cpu(), generator).to(rows.device), share)
        on_device = generator_on(rows.device, generator)
        if config.noise:
            noise = torch.empty_like(rows).normal_(generator=on_device)
            rows = torch.addcmul(rows, noise, self._deviation.to(rows.device), value=config.noise)
        if config.dropout:
            lost = torch.rand(rows.shape, generator=on_device, device=rows.device) < config.dropout
            rows = torch.where(lost, self._mean.to(rows.device), rows)
        return rows

    def _partners(self, leaf: Tensor, generator: torch.Generator) -> Tensor:
        """A random training row of each leaf, float [B, D]; it may be the sample itself."""
        position = (torch.rand(len(leaf), generator=generator) * self._counts[leaf]).long()
        return self._train.at(self._order[self._starts[leaf] + position].to(self._train.inputs.device))
