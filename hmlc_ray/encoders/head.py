"""The projection head P: features to embeddings."""

from __future__ import annotations

from torch import nn

from hmlc_ray.config.encoder import HeadConfig, IdentityHeadConfig
from hmlc_ray.encoders.mlp import hidden_layers


def build_head(config: HeadConfig, feature_dim: int) -> nn.Module:
    """f, float [n, feature_dim], to z, float [n, D], not normalised (objectives do that, per mask).

    `config.layers` linear layers; all but the last are followed by batch norm and ReLU. With `identity`, z is f.
    """
    if isinstance(config, IdentityHeadConfig):
        return nn.Identity()
    widths = [feature_dim, *[config.hidden_dim] * (config.layers - 1)]
    return nn.Sequential(*hidden_layers(widths), nn.Linear(widths[-1], config.embedding_dim))


def embedding_dim(config: HeadConfig, feature_dim: int) -> int:
    """D."""
    return feature_dim if isinstance(config, IdentityHeadConfig) else config.embedding_dim
