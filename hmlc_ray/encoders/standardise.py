"""The first step of an encoder of features, or of trained weights: each column or channel less its mean, by its
deviation."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """(x - mean) / deviation, with numbers that are set once and travel with the weights; at first, x itself."""

    mean: Tensor
    factor: Tensor

    def __init__(self, *shape: int) -> None:
        """`shape` is (D,) for columns of features, (C, 1, 1) for channels of images."""
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("factor", torch.ones(shape))

    def set(self, mean: Tensor, deviation: Tensor) -> None:
        """Take over the mean and the deviation (above 0) of each column or channel, float of the same shape."""
        self.mean.copy_(mean)
        self.factor.copy_(1 / deviation)

    def forward(self, inputs: Tensor) -> Tensor:
        return (inputs - self.mean) * self.factor
