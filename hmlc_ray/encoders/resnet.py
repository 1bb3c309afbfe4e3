"""Residual networks: torchvision's blocks with a stem that fits the image size."""

from __future__ import annotations

from torch import Tensor, nn

from hmlc_ray.compute.torchvision_shim import torchvision
from hmlc_ray.config.encoder import ResNetConfig
from hmlc_ray.encoders.base import IMAGE_SIZE, Encoder, channels_last, image_channels
from hmlc_ray.encoders.weights import load_weights


class ResNet(Encoder):
    """ResNet (arXiv 1512.03385) without its classifier; parameter names are torchvision's, below `trunk`."""

    capturable = True
    free_dims = IMAGE_SIZE

    def __init__(self, config: ResNetConfig, input_shape: tuple[int, ...]) -> None:
        """Raises ConfigError if `input_shape` is not (C, height, width), or the weights do not fit."""
        super().__init__()
        channels = image_channels(config.kind, input_shape)
        self.trunk: nn.Module = torchvision.models.get_model(config.kind, weights=None)
        self.feature_dim = self.trunk.fc.in_features
        self.trunk.fc = nn.Identity()
        self.trunk.conv1 = _stem(config.stem, channels)
        if config.stem == "cifar":
            self.trunk.maxpool = nn.Identity()
        if config.weights is not None:
            what = f"encoder `{config.kind}` with stem: {config.stem}"
            self.weights_prefix = load_weights(self.trunk, config.weights, what, ("fc.",), config.weights_prefix)
        channels_last(self)

    def forward(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.trunk(channels_last(inputs))
        return features


def _stem(stem: str, channels: int) -> nn.Conv2d:
    """`imagenet`: 7x7, stride 2 (a pooling layer follows); `cifar`: 3x3, stride 1, for images of about 32 pixels."""
    size, stride = (7, 2) if stem == "imagenet" else (3, 1)
    convolution = nn.Conv2d(channels, 64, size, stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution
