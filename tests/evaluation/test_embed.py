from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from hmlc_ray.data.pixels import to_encoder_input
from hmlc_ray.errors import TrainingError
from hmlc_ray.evaluation import embed


def _images(count: int) -> torch.Tensor:
    return torch.randint(0, 256, (count, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("batch_size", [1, 3, 7, 100])
def test_every_sample_in_order_whatever_the_batch_size(batch_size: int) -> None:
    images = _images(7)
    features = embed(nn.Flatten(), images, "cpu", batch_size=batch_size)
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features, to_encoder_input(images).flatten(1).numpy())


def test_runs_in_evaluation_mode_and_restores_each_modules_own() -> None:
    encoder = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(16), nn.Dropout(0.5))
    encoder.train()
    encoder[1].eval()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    first, second = embed(encoder, _images(5), "cpu"), embed(encoder, _images(5), "cpu")
    np.testing.assert_array_equal(first, second)
    assert [module.training for module in encoder.modules()] == [True, True, False, True]
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())


def test_leaves_the_random_state_alone() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    embed(nn.Sequential(nn.Flatten(), nn.Dropout(0.5)), _images(5), "cpu")
    assert torch.equal(state, torch.get_rng_state())


def test_features_that_are_not_finite_are_refused() -> None:
    encoder = nn.Sequential(nn.Flatten(), nn.Linear(16, 2))
    nn.init.constant_(encoder[1].bias, float("nan"))
    with pytest.raises(TrainingError, match="not finite"):
        embed(encoder, _images(3), "cpu")
