"""What the encoders of model libraries are tested on alike."""

from __future__ import annotations

import torch
from torch import nn

from hmlc_ray.encoders import Encoder


def check_features_and_gradients(encoder: Encoder, shape: tuple[int, ...], features: int) -> None:
    """A new encoder gives so many features of images [4, *shape], trains all its parameters, and has no classifier."""
    assert encoder.training
    found = encoder(torch.rand(4, *shape))
    assert found.shape == (4, features)
    assert encoder.feature_dim == features
    found.square().mean().backward()
    assert all(p.grad is not None for p in encoder.parameters())
    assert not any(isinstance(m, nn.Linear) and m.out_features == 1000 for m in encoder.modules())
