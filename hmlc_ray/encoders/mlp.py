"""A multi-layer perceptron on the flattened input."""

from __future__ import annotations

from itertools import pairwise
from math import prod

from torch import Tensor, nn

from hmlc_ray.config.encoder import MlpConfig
from hmlc_ray.encoders.base import Encoder
from hmlc_ray.encoders.standardise import Standardise


class Mlp(Encoder):
    """`depth` hidden layers of linear, batch norm and ReLU, then a linear layer to the features.

    Rows of features are standardised first.
    """

    capturable = True

    def __init__(self, config: MlpConfig, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.feature_dim = config.feature_dim
        self.scaling: nn.Module = Standardise(input_shape[0]) if len(input_shape) == 1 else nn.Identity()
        widths = [prod(input_shape), *[config.hidden_dim] * config.depth]
        self.layers = nn.Sequential(nn.Flatten(), *hidden_layers(widths), nn.Linear(widths[-1], config.feature_dim))

    def forward(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.layers(self.scaling(inputs))
        return features


def hidden_layers(widths: list[int]) -> list[nn.Module]:
    """Linear (without bias: the norm has one), batch norm and ReLU from each width to the next."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU(inplace=True)]
    return layers
