"""What the encoders of point clouds share."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool1d

from hmlc_ray.encoders.mlp import hidden_layers
from hmlc_ray.errors import ConfigError

_CHANNELS = (3, 6)
_POINTS_AT_ONCE = 1 << 16


def point_channels(kind: str, input_shape: tuple[int, ...]) -> int:
    """Channels of point clouds of shape (points, channels): x, y, z, and with normals three more.

    Raises:
        ConfigError: if samples of this shape are not point clouds.
    """
    if len(input_shape) != 2 or input_shape[1] not in _CHANNELS:
        raise ConfigError(
            f"encoder `{kind}` takes point clouds (points, 3 or 6 channels), the data has shape {input_shape}"
        )
    return input_shape[1]


def clouds_at_once(input_shape: tuple[int, ...]) -> int:
    """Clouds in one forward pass without gradient: bounds the points that are in flight."""
    return max(1, _POINTS_AT_ONCE // input_shape[0])


class PointMlp(nn.Module):
    """The same linear layers, batch norms and ReLUs on every point: [n, points, C] to [n, points, C']."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*hidden_layers(widths))

    def forward(self, points: Tensor) -> Tensor:
        result: Tensor = self.layers(points.flatten(0, 1)).unflatten(0, points.shape[:2])
        return result


def max_over_points(points: Tensor, *, training: bool) -> Tensor:
    """The largest value of each channel: [n, points, C] to [n, C].

    While a CPU trains it is a pooling, whose gradient goes to the first of equal points, in a tenth of the time that
    `amax` takes to share it among them.
    """
    if training and points.device.type == "cpu":
        return adaptive_max_pool1d(points.transpose(1, 2), 1).squeeze(2)
    return points.amax(dim=1)
