"""Any classification model of torchvision, without its classifier."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hmlc_ray.compute.torchvision_shim import torchvision
from hmlc_ray.config.encoder import TorchvisionConfig
from hmlc_ray.encoders.base import IMAGE_SIZE, Encoder, channels_last, image_channels
from hmlc_ray.encoders.weights import load_weights
from hmlc_ray.errors import ConfigError, first_line

_COLOURS = 3
_CLASSES = 1000
"""What every model is built for: its classifier is the layer with so many outputs."""


class TorchvisionModel(Encoder):
    """The model that `name` names up to its classifier, below `trunk`; one-channel images are repeated."""

    free_dims = IMAGE_SIZE

    def __init__(self, config: TorchvisionConfig, input_shape: tuple[int, ...]) -> None:
        """Raises ConfigError if the images have neither 1 nor 3 channels or a size the model cannot take, or the
        weights do not fit."""
        super().__init__()
        if image_channels(config.kind, input_shape) not in (1, _COLOURS):
            raise ConfigError(f"encoder `torchvision` takes images of 1 or 3 channels, the data has {input_shape[0]}")
        size = (input_shape[1], input_shape[2])
        self.trunk = _build(config.name, size)
        self.feature_dim, head = _cut_classifier(self.trunk)
        if config.weights is not None:
            what, heads = f"torchvision's {config.name}", (head, "aux", "AuxLogits.")
            self.weights_prefix = load_weights(self.trunk, config.weights, what, heads, config.weights_prefix)
        self._check_runs(config.name, size)
        channels_last(self)

    def forward(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.trunk(channels_last(inputs.expand(-1, _COLOURS, -1, -1)))
        return features

    def _check_runs(self, name: str, size: tuple[int, int]) -> None:
        """Some models need images of a certain size; that shows when one is tried."""
        self.eval()
        try:
            with torch.inference_mode():
                self(torch.zeros(1, _COLOURS, *size))
        except (RuntimeError, ValueError) as error:
            raise _wrong_size(name, size, error) from error
        self.train()


def _build(name: str, size: tuple[int, int]) -> nn.Module:
    """The model with fresh weights; models that are made for one size (vit, maxvit) are given it."""
    builder = torchvision.models.get_model_builder(name)
    options: dict[str, Any] = {"weights": None, "num_classes": _CLASSES}
    if name in ("googlenet", "inception_v3"):
        options |= {"init_weights": True, "aux_logits": False}
    elif name.startswith("vit_"):
        options["image_size"] = size[0]
    elif name.startswith("maxvit"):
        options["input_size"] = size
    try:
        model: nn.Module = builder(**options)
    except (AssertionError, RuntimeError, ValueError) as error:
        raise _wrong_size(name, size, error) from error
    return model


def _wrong_size(name: str, size: tuple[int, int], error: Exception) -> ConfigError:
    return ConfigError(
        f"torchvision's {name} cannot take images of {size[0]}x{size[1]} pixels ({first_line(error)}); set "
        "data.image_size"
    )


def _cut_classifier(model: nn.Module) -> tuple[int, str]:
    """Replace the classifier by an identity; gives the number of features and the prefix of its parameters."""
    for path, layer in reversed(list(model.named_modules())):
        if isinstance(layer, nn.Linear) and layer.out_features == _CLASSES:
            features = layer.in_features
        elif isinstance(layer, nn.Conv2d) and layer.out_channels == _CLASSES:
            features = layer.in_channels
        else:
            continue
        model.set_submodule(path, nn.Identity())
        return features, f"{path}."
    raise AssertionError("every classification model ends with a layer that has one output per class")
