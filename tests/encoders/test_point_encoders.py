"""Encoders of point clouds: sets and not lists, of any size, exported like the others."""

from __future__ import annotations

import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hmlc_ray.config.encoder import DgcnnConfig, PointEncoderConfig, PointNetConfig
from hmlc_ray.encoders import Encoder, build_encoder
from hmlc_ray.encoders.dgcnn import EdgeConv, nearest, strongest_neighbour
from hmlc_ray.encoders.points import max_over_points
from hmlc_ray.errors import ConfigError

CONFIGS: list[PointEncoderConfig] = [
    PointNetConfig(width=8, pooled_dim=32, feature_dim=16),
    DgcnnConfig(width=8, pooled_dim=32, feature_dim=16, neighbours=5),
    DgcnnConfig(width=4, depth=5, pooled_dim=16, feature_dim=16, neighbours=2),
]


def built(config: PointEncoderConfig, points: int = 40, channels: int = 3) -> Encoder:
    """With random statistics in its norms, as after training."""
    torch.manual_seed(0)
    encoder = build_encoder(config, (points, channels))
    encoder(torch.randn(30, points, channels))
    return encoder.eval()


def clouds(count: int = 4, points: int = 40, channels: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, points, channels, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("channels", [3, 6])
def test_every_encoder_gives_its_feature_dim_and_trains_all_parameters(
    config: PointEncoderConfig, channels: int
) -> None:
    encoder = built(config, channels=channels).train()
    features = encoder(clouds(6, channels=channels))
    assert features.shape == (6, encoder.feature_dim) == (6, 16)
    features.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in encoder.parameters())


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_the_order_of_points_changes_nothing(config: PointEncoderConfig, seed: int) -> None:
    encoder, inputs = built(config), clouds(seed=seed)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(encoder(inputs[:, order]), encoder(inputs), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(encoder(inputs), encoder(inputs + 0.5 * clouds(seed=seed + 1)), atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_maximum_while_training_is_that_of_evaluation(dtype: torch.dtype) -> None:
    points = clouds(5, 17, 6).relu().to(dtype)
    assert torch.equal(max_over_points(points, training=True), points.amax(dim=1))
    assert torch.equal(max_over_points(points, training=False), points.amax(dim=1))


@pytest.mark.parametrize("config", CONFIGS[:1], ids=str)
def test_points_that_are_listed_twice_train_as_a_shared_maximum_would(
    config: PointEncoderConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = clouds(6)
    twice = torch.cat([inputs, inputs], dim=1)

    def gradients() -> list[torch.Tensor]:
        encoder = built(config).train()
        encoder(twice).square().sum().backward()
        return [parameter.grad for parameter in encoder.parameters() if parameter.grad is not None]

    pooled = gradients()
    monkeypatch.setattr("hmlc_ray.encoders.pointnet.max_over_points", lambda points, training: points.amax(dim=1))
    for one, other in zip(pooled, gradients(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_pointnet_sees_a_set_of_points_however_often_one_is_listed() -> None:
    encoder, inputs = built(CONFIGS[0]), clouds()
    torch.testing.assert_close(encoder(torch.cat([inputs, inputs[:, :7]], dim=1)), encoder(inputs))
    torch.testing.assert_close(encoder(inputs.repeat(1, 3, 1)), encoder(inputs))


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("points", [8, 41, 300])
def test_clouds_of_other_sizes_are_taken(config: PointEncoderConfig, points: int) -> None:
    assert built(config)(clouds(2, points)).shape == (2, 16)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("shape", [(3, 32, 32), (100, 4), (100,), (100, 2)])
def test_what_is_no_point_cloud_is_refused(config: PointEncoderConfig, shape: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match=rf"encoder `{config.kind}` takes point clouds .* shape"):
        build_encoder(config, shape)


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_the_exported_program_gives_the_same_features_for_any_batch(config: PointEncoderConfig) -> None:
    encoder = built(config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        batch = torch.export.Dim("batch", min=1)
        program = torch.export.export(encoder, (torch.zeros(2, 40, 3),), dynamic_shapes=({0: batch},))
    for count in (1, 5):
        torch.testing.assert_close(program.module()(clouds(count)), encoder(clouds(count)))


def test_a_pass_without_gradient_takes_fewer_clouds_the_larger_they_are() -> None:
    sizes = [build_encoder(CONFIGS[0], (points, 3)).max_batch for points in (64, 1024, 65536)]
    assert sizes == [1024, 64, 1]


# --- edge convolution ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1, 64, 1 << 16])
def test_neighbours_are_those_of_all_distances(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmlc_ray.encoders.dgcnn._DISTANCES_AT_ONCE", block)
    places = clouds(3, 50, 4)
    expected = torch.cdist(places, places).topk(6, dim=2, largest=False).indices
    found = nearest(places, 6)
    assert torch.equal(found.sort(dim=2).values, expected.sort(dim=2).values)
    assert torch.equal(found[..., 0], torch.arange(50).expand(3, 50))


def test_the_strongest_neighbour_is_the_maximum_over_all_edges() -> None:
    values, neighbours = clouds(2, 20, 7), nearest(clouds(2, 20, 3, seed=1), 5)
    rows = torch.arange(2).view(2, 1, 1)
    edges = values[rows, neighbours]
    winner = strongest_neighbour(values, neighbours)
    torch.testing.assert_close(values.gather(1, winner), edges.amax(dim=2))
    assert (winner.unsqueeze(2) == neighbours.unsqueeze(3)).any(dim=2).all()


def test_an_edge_convolution_and_its_gradient_are_those_of_the_formula() -> None:
    torch.manual_seed(0)
    layer = EdgeConv(3, 6, neighbours=4).double().eval()
    points = clouds(2, 15).double().requires_grad_()
    found = layer(points, points)
    rows = torch.arange(2).view(2, 1, 1)
    near = nearest(points.detach(), 4)
    edges = layer.own(points).unsqueeze(2) + layer.other(points)[rows, near]
    normed = layer.norm(edges.amax(dim=2).flatten(0, 1)).view(2, 15, 6)
    expected = torch.nn.functional.leaky_relu(normed, 0.2)
    torch.testing.assert_close(found, expected)
    (mine,) = torch.autograd.grad(found.square().sum(), points, retain_graph=True)
    (theirs,) = torch.autograd.grad(expected.square().sum(), points)
    torch.testing.assert_close(mine, theirs)
