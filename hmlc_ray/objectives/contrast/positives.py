"""Who is positive to whom, without a matrix: the positives of a row are its class's rows, less itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Classes:
    """The classes of a batch's rows at every level."""

    ids: Tensor
    """int64 [H, n], from 0 and below n: equal where the labels are."""
    positives: Tensor
    """int64 [H, n], |P_h(i)|: other rows of the same class."""
    order: Tensor
    """int64 [H, n]: the rows, class by class in the order of the ids."""
    starts: Tensor
    """int64 [H, n]: where a class's rows begin in the order; n for an id that no row has."""

    @classmethod
    def of(cls, labels: Tensor) -> Classes:
        """From any labels, int64 [n, H]. All shapes follow from [n, H], so nothing waits for the device."""
        labels = labels.T.contiguous()
        ordered, order = labels.sort(dim=1, stable=True)
        new = torch.zeros_like(labels)
        torch.ne(ordered[:, 1:], ordered[:, :-1], out=new[:, 1:])
        ids = torch.empty_like(labels).scatter_(1, order, new.cumsum(dim=1))
        sizes = torch.zeros_like(labels).scatter_add_(1, ids, torch.ones_like(labels))
        return cls(ids, sizes.gather(1, ids) - 1, order, sizes.cumsum(dim=1) - sizes)

    @property
    def valid(self) -> Tensor:
        """bool [H, n]: anchors with a positive."""
        return self.positives > 0

    def anchor_shares(self, anchor_weights: Tensor | None, dtype: torch.dtype) -> Tensor:
        """alpha_i / sum alpha over valid anchors, float [H, n], from alpha [n, H]; 0 for the others."""
        alpha = self.valid.to(dtype)
        if anchor_weights is not None:
            alpha = alpha * anchor_weights.T.to(dtype)
        return alpha / alpha.sum(dim=1, keepdim=True).clamp_min(torch.finfo(dtype).tiny)

    def others(self, v: Tensor, first: int) -> Tensor:
        """For every row the sum of the other rows of its class, float [n, L, d], from v of L levels [n, L, d].

        A class's rows are added in a fixed order, on every device.

        Args:
            v: of neighbouring levels.
            first: the first of these.
        """
        n, count, _ = v.shape
        levels = slice(first, first + count)
        order, starts, ids = self.order[levels], self.starts[levels], self.ids[levels]
        if count > 1:
            level = torch.arange(count, device=v.device)[:, None]
            order, starts, ids = torch.add(level, order, alpha=count), starts + n * level, (ids + n * level).T
        sums = torch.embedding_bag(v.flatten(0, 1), order.flatten(), starts.flatten())[0]
        return sums.index_select(0, ids.flatten()).view(v.shape).sub_(v)
