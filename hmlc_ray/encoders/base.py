"""What every encoder is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

import torch
from torch import Tensor, nn

from hmlc_ray.errors import ConfigError

IMAGE_SIZE = MappingProxyType({2: "height", 3: "width"})
ImagesOrModule = TypeVar("ImagesOrModule", Tensor, nn.Module)


class Encoder(nn.Module, ABC):
    """Inputs to features, float [n, F].

    Images are float [n, C, height, width] in [-1, 1] (see `hmlc_ray.data.pixels`), point clouds float
    [n, points, channels]: x, y, z in the unit ball and, where there are six channels, the unit normal. Rows of features
    are float [n, D], as they are in their table.
    """

    feature_dim: int
    """F."""
    max_batch: int = 1024
    """Samples that a forward pass without gradient takes at once, for the sake of memory."""
    weights_prefix: str | None = None
    """What the names of its weights began with in the file that they came from; None: they came from none."""
    capturable: bool = False
    """Whether its passes launch the same kernels for every batch of a shape and wait for none: as a CUDA graph must."""
    free_dims: Mapping[int, str] = MappingProxyType({})
    """Dimensions of a batch, besides the first, that need not have the sizes of the training data, by name."""

    @abstractmethod
    def forward(self, inputs: Tensor) -> Tensor:
        """Features f, float [n, F]."""


def channels_last(it: ImagesOrModule) -> ImagesOrModule:
    """Images, or a module's 4-d weights (in place), in the memory order that convolutions are fastest in.

    Both are changed: with images alone, DDP would warn of gradients whose strides differ from their weights'. An
    exported program would repeat `to` with the device that it was traced on.
    """
    if isinstance(it, Tensor) and torch.compiler.is_exporting():
        return it.contiguous(memory_format=torch.channels_last)
    return it.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def image_channels(kind: str, input_shape: tuple[int, ...]) -> int:
    """C of images of shape (C, height, width).

    Raises:
        ConfigError: if samples of this shape are not images.
    """
    if len(input_shape) != 3:
        raise ConfigError(f"encoder `{kind}` takes images (channels, height, width), the data has shape {input_shape}")
    return input_shape[0]
