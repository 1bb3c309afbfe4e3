"""Encoders and the projection head, as configuration (no torch here: `hmlc check` must start fast)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hmlc_ray.config.base import Section


class ConvNetConfig(Section):
    """Small convolutional encoder for images of 8 to 64 pixels."""

    kind: Literal["convnet"] = "convnet"
    width: int = Field(32, ge=4, le=1024)
    """Channels of the first stage; each further stage doubles them."""
    depth: int = Field(3, ge=1, le=5)
    """Stages; the resolution halves between two of them."""
    feature_dim: int = Field(128, ge=8, le=8192)


class ResNetSection(Section):
    """A ResNet from torchvision's blocks, with a 3x3 stem for small images or the 7x7 ImageNet stem."""

    stem: Literal["cifar", "imagenet"] = "cifar"


class ResNet18Config(ResNetSection):
    """ResNet-18: 512 features."""

    kind: Literal["resnet18"] = "resnet18"


class ResNet34Config(ResNetSection):
    """ResNet-34: 512 features."""

    kind: Literal["resnet34"] = "resnet34"


class ResNet50Config(ResNetSection):
    """ResNet-50, of bottleneck blocks: 2,048 features."""

    kind: Literal["resnet50"] = "resnet50"


class MlpConfig(Section):
    """Multi-layer perceptron on the flattened input."""

    kind: Literal["mlp"] = "mlp"
    hidden_dim: int = Field(256, ge=4, le=65536)
    depth: int = Field(2, ge=1, le=16)
    feature_dim: int = Field(128, ge=4, le=8192)


ResNetConfig = ResNet18Config | ResNet34Config | ResNet50Config
EncoderConfig = Annotated[ConvNetConfig | ResNetConfig | MlpConfig, Field(discriminator="kind")]


class HeadConfig(Section):
    """Projection head P: features f [n, F] to embeddings z [n, D]; dropped after training."""

    hidden_dim: int = Field(256, ge=1, le=65536)
    layers: int = Field(2, ge=1, le=4)
    """Linear layers; 1 is a linear projection."""
    embedding_dim: int = Field(128, ge=2, le=8192)
