"""Encoders and the projection head, as configuration (no torch here: `hmlc check` must start fast)."""

from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from hmlc_ray.config.base import FEATURES, IMAGES, POINTS, Modality, Section
from hmlc_ray.config.marks import AtMost, OnDisk
from hmlc_ray.config.model_names import Library, unknown_model
from hmlc_ray.config.unions import BY_KIND


class EncoderSection(Section):
    """Any encoder."""

    TAKES: ClassVar[tuple[Modality, ...]] = (IMAGES,)
    """What its inputs may be."""
    ONE_SIZE: ClassVar[bool] = False
    """Whether the views of points must have as many as the data."""
    HAS_PARAMETERS: ClassVar[bool] = True
    """Whether there is something to train in it."""


class ConvNetConfig(EncoderSection):
    """Small convolutional encoder for images of 8 to 64 pixels."""

    kind: Literal["convnet"] = "convnet"
    width: int = Field(32, ge=4, le=1024)
    """Channels of the first stage; each further stage doubles them."""
    depth: int = Field(3, ge=1, le=5)
    """Stages; the resolution halves between two of them."""
    feature_dim: int = Field(128, ge=8, le=8192)


class WeightsSection(EncoderSection):
    """An encoder whose training can start from weights in a local file; nothing is ever downloaded."""

    weights: Annotated[str | None, OnDisk()] = Field(None, min_length=1)
    """A state dict of the same network, or a checkpoint that holds one, as `torch.save` writes it, or a file of
    safetensors; None: fresh weights."""
    weights_prefix: str | None = None
    """What the names of the weights begin with, e.g. `state_dict.module.encoder_q.`; None: found out, where the file
    holds one such network alone."""


class ResNetSection(WeightsSection):
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


class TorchvisionConfig(WeightsSection):
    """Any classification model of torchvision without its classifier; one-channel images are repeated three times."""

    kind: Literal["torchvision"] = "torchvision"
    name: str = Field(min_length=1, examples=["squeezenet1_1"])
    """Name of the model in torchvision, e.g. `efficientnet_b0`."""

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        _check_known(self.kind, self.name)
        return self


class TimmConfig(WeightsSection):
    """Any image model of timm without its classifier, where timm is installed; one-channel images are repeated."""

    NEEDS = ("timm",)
    kind: Literal["timm"] = "timm"
    name: str = Field(min_length=1, examples=["test_efficientnet"])
    """Name of the model in timm, e.g. `convnext_nano`, and where wanted the tag of its weights after a dot, which says
    the intensities that they were trained on; `pip install 'hmlc-ray[timm]'`."""

    @model_validator(mode="after")
    def _is_known(self) -> Self:
        _check_known(self.kind, self.name)
        return self


def _check_known(library: Library, name: str) -> None:
    problem = unknown_model(library, name)
    if problem is not None:
        raise ValueError(f"encoder.name {problem}")


class MlpConfig(EncoderSection):
    """Multi-layer perceptron on the flattened input."""

    TAKES = (IMAGES, POINTS, FEATURES)
    ONE_SIZE = True
    kind: Literal["mlp"] = "mlp"
    hidden_dim: int = Field(256, ge=4, le=65536)
    depth: int = Field(2, ge=1, le=16)
    feature_dim: int = Field(128, ge=4, le=8192)


class IdentityConfig(EncoderSection):
    """No network: the features are those of the table, standardised where `data.standardise` says so."""

    TAKES = (FEATURES,)
    HAS_PARAMETERS = False
    kind: Literal["identity"] = "identity"


_POINTS = "the points of a view"


class PointSection(EncoderSection):
    """An encoder of point clouds of any size; the order of points changes nothing."""

    TAKES = (POINTS,)
    pooled_dim: int = Field(512, ge=8, le=8192)
    """Channels over which the maximum of all points is taken."""
    feature_dim: int = Field(128, ge=8, le=8192)


class PointNetConfig(PointSection):
    """PointNet (arXiv 1612.00593) without its transforms: a perceptron on each point, then the maximum over points."""

    kind: Literal["pointnet"] = "pointnet"
    width: int = Field(64, ge=4, le=1024)
    """Channels of the first two layers; the third has twice as many."""


class DgcnnConfig(PointSection):
    """DGCNN (arXiv 1801.07829): edge convolutions over the nearest neighbours in space, then in features."""

    kind: Literal["dgcnn"] = "dgcnn"
    width: int = Field(32, ge=4, le=512)
    """Channels of the first edge convolution."""
    depth: int = Field(3, ge=1, le=6)
    """Edge convolutions; every second one doubles the channels."""
    neighbours: Annotated[int, AtMost("views.resample", _POINTS, instead="data.num_points", instead_called=_POINTS)] = (
        Field(16, ge=2, le=128)
    )
    """k of the graph; a point is its own first neighbour."""


ResNetConfig = ResNet18Config | ResNet34Config | ResNet50Config
PointEncoderConfig = PointNetConfig | DgcnnConfig
EncoderConfig = Annotated[
    ConvNetConfig | ResNetConfig | TorchvisionConfig | TimmConfig | MlpConfig | IdentityConfig | PointEncoderConfig,
    BY_KIND,
]


def without_weights(config: EncoderConfig) -> EncoderConfig:
    """The same encoder with fresh weights."""
    return (
        config.model_copy(update={"weights": None, "weights_prefix": None})
        if isinstance(config, WeightsSection)
        else config
    )


class MlpHeadConfig(Section):
    """Projection head P: features f [n, F] to embeddings z [n, D]; dropped after training."""

    kind: Literal["mlp"] = "mlp"
    hidden_dim: int = Field(256, ge=1, le=65536)
    layers: int = Field(2, ge=1, le=4)
    """Linear layers; 1 is a linear projection."""
    embedding_dim: int = Field(128, ge=2, le=8192)


class IdentityHeadConfig(Section):
    """No head: embeddings are the features themselves, so that masks choose among the features that are judged."""

    kind: Literal["identity"] = "identity"


HeadConfig = Annotated[MlpHeadConfig | IdentityHeadConfig, BY_KIND]
FEATURE_DIMS = MappingProxyType({"resnet18": 512, "resnet34": 512, "resnet50": 2048})
"""F of the encoders that have no key for it."""


def feature_dim(config: EncoderConfig) -> int | None:
    """F, as far as the configuration alone says it."""
    return getattr(config, "feature_dim", None) or FEATURE_DIMS.get(config.kind)
