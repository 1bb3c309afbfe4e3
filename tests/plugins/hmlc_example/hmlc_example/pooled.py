"""An encoder: averages over a grid, and a linear layer."""

from __future__ import annotations

from torch import Tensor, nn

from hmlc_example.config import PooledConfig
from hmlc_ray.encoders import Encoder
from hmlc_ray.encoders.base import image_channels


class Pooled(Encoder):
    """Images [n, C, height, width] to features [n, F]."""

    def __init__(self, config: PooledConfig, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        channels = image_channels(config.kind, input_shape)
        self.feature_dim = config.feature_dim
        self.layers = nn.Sequential(
            nn.AdaptiveAvgPool2d(config.cells),
            nn.Flatten(),
            nn.Linear(channels * config.cells**2, config.feature_dim),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.layers(inputs)
        return features
