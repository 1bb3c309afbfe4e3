"""Any image model of timm, without its classifier."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from hmlc_ray.compute.torchvision_shim import torchvision
from hmlc_ray.config.encoder import TimmConfig
from hmlc_ray.encoders.base import IMAGE_SIZE, Encoder, channels_last, image_channels
from hmlc_ray.encoders.standardise import Standardise
from hmlc_ray.encoders.weight_files import read_tensors
from hmlc_ray.encoders.weights import load_weights
from hmlc_ray.errors import ConfigError, first_line
from hmlc_ray.machine.extras import cannot_import

assert torchvision is not None, "timm imports torchvision, which has to be prepared first"

_COLOURS = 3
_INTENSITIES = "intensities"
Tensors = Mapping[str, Tensor]


class TimmModel(Encoder):
    """The model that `name` names without its classifier, below `trunk`; one-channel images are repeated.

    With weights, its inputs are standardised as those were that the weights were trained on.
    """

    def __init__(self, config: TimmConfig, input_shape: tuple[int, ...]) -> None:
        """Raises ConfigError if timm is not installed, the images have neither 1 nor 3 channels or a size that the
        model cannot take, or the weights do not fit."""
        super().__init__()
        if image_channels(config.kind, input_shape) not in (1, _COLOURS):
            raise ConfigError(f"encoder `timm` takes images of 1 or 3 channels, the data has {input_shape[0]}")
        size = (input_shape[1], input_shape[2])
        self.trunk = _build(config.name, size)
        self._described: dict[str, Any] = self.trunk.pretrained_cfg  # type: ignore[assignment]
        self.free_dims = {} if self._described.get("fixed_input_size") else IMAGE_SIZE
        self.intensities = Standardise(_COLOURS, 1, 1)
        if config.weights is not None:
            self._load(config, config.weights)
        self.feature_dim = self._tried(config.name, size)
        channels_last(self)

    def forward(self, inputs: Tensor) -> Tensor:
        images = self.intensities(inputs.expand(-1, _COLOURS, -1, -1))
        features: Tensor = self.trunk(channels_last(images))
        return features

    def _load(self, config: TimmConfig, file: str) -> None:
        """Weights, and the intensities that they were trained on: the file's own, as an exported encoder has them,
        else those of the model's description in timm."""
        heads = tuple(f"{layer}." for layer in _texts(self._described.get("classifier")))
        adapt = _adapter(self.trunk)
        prefix = load_weights(self.trunk, file, f"timm's {config.name}", heads, config.weights_prefix, adapt)
        self.weights_prefix = prefix
        start = f"{prefix.removesuffix('trunk.')}{_INTENSITIES}."
        own = read_tensors(file) if prefix.endswith("trunk.") else {}
        if own.keys() >= {f"{start}mean", f"{start}factor"}:
            self.intensities.set(own[f"{start}mean"], 1 / own[f"{start}factor"])
        else:  # described for 0 to 1; inputs are in [-1, 1]
            mean, deviation = (torch.tensor(self._described[name]).view(-1, 1, 1) for name in ("mean", "std"))
            self.intensities.set(2 * mean - 1, 2 * deviation)

    def _tried(self, name: str, size: tuple[int, int]) -> int:
        """F, by one image. Parameters that features do not depend on, as those of a second head, are not trained:
        `DistributedDataParallel` would wait for their gradients.

        Raises:
            ConfigError: if the model cannot take images of that size.
        """
        self.eval()
        try:
            features = self(torch.zeros(1, _COLOURS, *size))
        except (AssertionError, RuntimeError, ValueError) as error:
            raise _wrong_size(name, size, error) from error
        if not isinstance(features, Tensor) or features.dim() != 2:
            raise ConfigError(f"timm's {name} gives no row of features for an image, so it cannot be an encoder")
        parameters = [parameter for parameter in self.parameters() if parameter.requires_grad]
        gradients = torch.autograd.grad(features.sum(), parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.requires_grad_(gradient is not None)
        self.train()
        return features.shape[1]


def _build(name: str, size: tuple[int, int]) -> nn.Module:
    """The model with fresh weights, made for images of this size where it is made for one.

    Raises:
        ConfigError: if timm is not installed or has no such model, or the model cannot be made for that size.
    """
    try:
        import timm
    except ImportError as error:
        raise cannot_import("encoder.kind timm", "timm", error) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other names, and of kernels that are not there
        try:
            model = _made(timm, name, size)
        except ConfigError:  # which is a ValueError
            raise
        except (AssertionError, RuntimeError, ValueError) as error:
            raise _wrong_size(name, size, error) from error
    _check_patches(model, name, size)
    return model


def _made(timm: Any, name: str, size: tuple[int, int]) -> nn.Module:
    """Nothing is downloaded: `pretrained` is false, and a name that means a repository is not one of timm's models."""
    if not timm.is_model(name):
        raise ConfigError(f"encoder.name is {name!r}, which timm {timm.__version__} has no model of")
    options: dict[str, Any] = {"pretrained": False, "num_classes": 0}
    described = timm.get_pretrained_cfg(name)
    if described is not None and described.fixed_input_size and tuple(described.input_size[1:]) != size:
        try:
            model: nn.Module = timm.create_model(name, **options, img_size=size)
        except TypeError as error:
            sides = "x".join(map(str, described.input_size[1:]))
            raise ConfigError(
                f"timm's {name} takes images of {sides} pixels alone, the data has {size[0]}x{size[1]}; set "
                f"data.image_size: {described.input_size[-1]}"
            ) from error
    else:
        model = timm.create_model(name, **options)
    return model


def _check_patches(model: nn.Module, name: str, size: tuple[int, int]) -> None:
    """Some models leave out the pixels that fill no whole patch, in silence."""
    embed = getattr(model, "patch_embed", None)
    cut = getattr(embed, "proj", None)
    if not isinstance(cut, nn.Conv2d) or cut.stride != cut.kernel_size or getattr(embed, "dynamic_img_pad", False):
        return
    if any(side % step for side, step in zip(size, cut.stride, strict=True)):
        raise ConfigError(
            f"timm's {name} takes images in patches of {'x'.join(map(str, cut.stride))} pixels, which do not fill "
            f"images of {size[0]}x{size[1]}; set data.image_size to a multiple of {cut.stride[0]}"
        )


def _adapter(model: nn.Module) -> Any:
    """What timm does with weights of another image size: it resamples embeddings of positions. None: nothing."""
    adapt = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    return None if adapt is None else lambda tensors: adapt(dict(tensors), model)


def _wrong_size(name: str, size: tuple[int, int], error: Exception) -> ConfigError:
    return ConfigError(
        f"timm's {name} cannot take images of {size[0]}x{size[1]} pixels ({first_line(error)}); set data.image_size"
    )


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())
