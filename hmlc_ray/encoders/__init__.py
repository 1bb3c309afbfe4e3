"""Encoders E and the projection head P."""

from __future__ import annotations

from hmlc_ray.config.encoder import EncoderConfig
from hmlc_ray.config.plugins import build
from hmlc_ray.encoders.base import Encoder
from hmlc_ray.encoders.head import build_head, embedding_dim

__all__ = ["BUILDERS", "Encoder", "build_encoder", "build_head", "embedding_dim"]

BUILDERS = {
    "convnet": "hmlc_ray.encoders.convnet:ConvNet",
    "resnet18": "hmlc_ray.encoders.resnet:ResNet",
    "resnet34": "hmlc_ray.encoders.resnet:ResNet",
    "resnet50": "hmlc_ray.encoders.resnet:ResNet",
    "torchvision": "hmlc_ray.encoders.torchvision_model:TorchvisionModel",
    "timm": "hmlc_ray.encoders.timm_model:TimmModel",
    "mlp": "hmlc_ray.encoders.mlp:Mlp",
    "identity": "hmlc_ray.encoders.identity:Identity",
    "pointnet": "hmlc_ray.encoders.pointnet:PointNet",
    "dgcnn": "hmlc_ray.encoders.dgcnn:Dgcnn",
}
"""Functions called with `(config, input_shape)`, by kind; imported when it is used, as torchvision takes a second."""


def build_encoder(config: EncoderConfig, input_shape: tuple[int, ...]) -> Encoder:
    """An encoder with the weights of its file, else with fresh ones from torch's global random generator.

    Args:
        input_shape: of one sample: (channels, height, width) of an image, (points, channels) of a point cloud, (D,)
            of a row of features.

    Raises:
        ConfigError: if this kind of encoder cannot take samples of that shape, the weights do not fit, or a plug-in
            fails to build it.
    """
    return build(config, BUILDERS, Encoder, input_shape)  # type: ignore[type-abstract]
