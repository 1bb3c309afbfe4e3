"""PointNet: every point on its own, then the maximum over all."""

from __future__ import annotations

from types import MappingProxyType

from torch import Tensor, nn

from hmlc_ray.config.encoder import PointNetConfig
from hmlc_ray.encoders.base import Encoder
from hmlc_ray.encoders.mlp import hidden_layers
from hmlc_ray.encoders.points import PointMlp, clouds_at_once, max_over_points, point_channels


class PointNet(Encoder):
    """PointNet (arXiv 1612.00593) without its transform networks.

    A maximum is all that leaves the points, so features depend on the set of points: not on their order, and in
    evaluation mode not on how often one of them is listed.
    """

    capturable = True
    free_dims = MappingProxyType({1: "points"})

    def __init__(self, config: PointNetConfig, input_shape: tuple[int, ...]) -> None:
        """Raises ConfigError if `input_shape` is not (points, 3 or 6)."""
        super().__init__()
        self.feature_dim, self.max_batch = config.feature_dim, clouds_at_once(input_shape)
        channels = point_channels(config.kind, input_shape)
        self.points = PointMlp([channels, config.width, config.width, 2 * config.width, config.pooled_dim])
        self.project = nn.Sequential(
            *hidden_layers([config.pooled_dim, config.pooled_dim]), nn.Linear(config.pooled_dim, config.feature_dim)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.project(max_over_points(self.points(inputs), training=self.training))
        return features
