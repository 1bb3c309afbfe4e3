"""Encoders E and the projection head P."""

from __future__ import annotations

from hmlc_ray.config.encoder import (
    ConvNetConfig,
    DgcnnConfig,
    EncoderConfig,
    IdentityConfig,
    MlpConfig,
    PointNetConfig,
    ResNet18Config,
    ResNet34Config,
    ResNet50Config,
    TorchvisionConfig,
)
from hmlc_ray.encoders.base import Encoder
from hmlc_ray.encoders.head import build_head, embedding_dim

__all__ = ["Encoder", "build_encoder", "build_head", "embedding_dim"]


def build_encoder(config: EncoderConfig, input_shape: tuple[int, ...]) -> Encoder:
    """An encoder with the weights of its file, else with fresh ones from torch's global random generator.

    Args:
        input_shape: of one sample: (channels, height, width) of an image, (points, channels) of a point cloud, (D,)
            of a row of features.

    Raises:
        ConfigError: if this kind of encoder cannot take samples of that shape, or the weights do not fit.
    """
    match config:
        case ConvNetConfig():
            from hmlc_ray.encoders.convnet import ConvNet

            return ConvNet(config, input_shape)
        case ResNet18Config() | ResNet34Config() | ResNet50Config():
            from hmlc_ray.encoders.resnet import ResNet  # imports torchvision, which takes a second

            return ResNet(config, input_shape)
        case TorchvisionConfig():
            from hmlc_ray.encoders.torchvision_model import TorchvisionModel

            return TorchvisionModel(config, input_shape)
        case PointNetConfig():
            from hmlc_ray.encoders.pointnet import PointNet

            return PointNet(config, input_shape)
        case DgcnnConfig():
            from hmlc_ray.encoders.dgcnn import Dgcnn

            return Dgcnn(config, input_shape)
        case MlpConfig():
            from hmlc_ray.encoders.mlp import Mlp

            return Mlp(config, input_shape)
        case IdentityConfig():
            from hmlc_ray.encoders.identity import Identity

            return Identity(config, input_shape)
