"""No network: features that another model made, as they are."""

from __future__ import annotations

from torch import Tensor

from hmlc_ray.config.encoder import IdentityConfig
from hmlc_ray.encoders.base import Encoder
from hmlc_ray.encoders.standardise import Standardise
from hmlc_ray.errors import ConfigError


class Identity(Encoder):
    """The rows of a table, standardised where the data says so; nothing is learned."""

    capturable = True

    def __init__(self, config: IdentityConfig, input_shape: tuple[int, ...]) -> None:
        """Raises ConfigError if samples are not rows of features."""
        super().__init__()
        if len(input_shape) != 1:
            raise ConfigError(f"encoder `{config.kind}` takes rows of features, the data has shape {input_shape}")
        self.feature_dim = input_shape[0]
        self.scaling = Standardise(self.feature_dim)

    def forward(self, inputs: Tensor) -> Tensor:
        features: Tensor = self.scaling(inputs)
        return features
