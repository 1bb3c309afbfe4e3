"""A small convolutional encoder for images of 8 to 64 pixels."""

from __future__ import annotations

from torch import Tensor, nn

from hmlc_ray.config.encoder import ConvNetConfig
from hmlc_ray.encoders.base import IMAGE_SIZE, Encoder, channels_last, image_channels


class ConvNet(Encoder):
    """Stages of 3x3 convolution, batch norm, ReLU, with a 2x2 maximum between two; then the mean and a linear layer."""

    capturable = True
    free_dims = IMAGE_SIZE

    def __init__(self, config: ConvNetConfig, input_shape: tuple[int, ...]) -> None:
        """Raises ConfigError if `input_shape` is not (C, height, width)."""
        super().__init__()
        self.feature_dim = config.feature_dim
        channels = image_channels(config.kind, input_shape)
        stages: list[nn.Module] = []
        for stage in range(config.depth):
            width = config.width * 2**stage
            # ceil_mode keeps a 1x1 map 1x1, so that any depth works on any size.
            halve = [nn.MaxPool2d(2, ceil_mode=True)] if stage else []
            stages += [nn.Sequential(*halve, nn.Conv2d(channels, width, 3, padding=1, bias=False), *_norm(width))]
            channels = width
        self.stages = nn.Sequential(*stages)
        self.project = nn.Linear(channels, config.feature_dim)
        channels_last(self)

    def forward(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.project(self.stages(channels_last(inputs)).mean(dim=(2, 3)))
        return features


def _norm(width: int) -> tuple[nn.Module, nn.Module]:
    return nn.BatchNorm2d(width), nn.ReLU(inplace=True)
