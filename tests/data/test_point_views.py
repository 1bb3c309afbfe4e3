"""Views of point clouds: each draw per sample, in its range, repeatable, and geometry where it says so."""

from __future__ import annotations

from math import cos, radians

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from hmlc_ray.config.points import PointViewsConfig
from hmlc_ray.data.point_views import TwoPointViews, augment_points, drop, rotations

NOTHING = PointViewsConfig(rotation=0, scale=(1, 1), translation=0, jitter=0)


def only(**settings: object) -> PointViewsConfig:
    """One change and no other."""
    return PointViewsConfig.model_validate(NOTHING.model_dump() | settings)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clouds(count: int = 5, points: int = 64, channels: int = 3) -> torch.Tensor:
    drawn = torch.randn(count, points, channels, generator=seeded(9))
    places = drawn[..., :3] / drawn[..., :3].norm(dim=2, keepdim=True).amax(dim=1, keepdim=True)
    return torch.cat([places, torch.nn.functional.normalize(drawn[..., 3:], dim=2)], dim=2)


def test_without_augmentation_a_view_is_the_stored_cloud() -> None:
    inputs = clouds(channels=6)
    torch.testing.assert_close(TwoPointViews(NOTHING)(inputs, seeded())[1], inputs)


@pytest.mark.parametrize("channels", [3, 6])
def test_two_views_have_their_shape_and_differ_between_samples_and_views(channels: int) -> None:
    inputs = clouds(1, channels=channels).expand(20, -1, -1)
    views = TwoPointViews(PointViewsConfig(resample=48, tilt=20, dropout=0.3))(inputs, seeded())
    assert views.shape == (2, 20, 48, channels)
    assert views.dtype == torch.float32
    assert len({tuple(view.flatten().tolist()) for view in views.flatten(0, 1)}) == 40
    if channels == 6:
        torch.testing.assert_close(views[..., 3:].norm(dim=3), torch.ones(2, 20, 48))


def test_the_same_generator_state_gives_the_same_views_and_nothing_else_is_touched() -> None:
    inputs, views = clouds(), TwoPointViews(PointViewsConfig(resample=32, dropout=0.2))
    before, state = inputs.clone(), torch.get_rng_state()
    assert torch.equal(views(inputs, seeded()), views(inputs, seeded()))
    assert not torch.equal(views(inputs, seeded()), views(inputs, seeded(1)))
    assert torch.equal(inputs, before)
    assert torch.equal(torch.get_rng_state(), state)


def test_batches_are_made_in_chunks_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmlc_ray.data.point_views._CHUNK_BYTES", 3 * 64 * 3 * 4)
    torch.testing.assert_close(TwoPointViews(NOTHING)(clouds(10), seeded())[0], clouds(10))


@pytest.mark.parametrize(("up", "axis"), [("x", 0), ("y", 1), ("z", 2)])
def test_a_turn_keeps_the_up_axis_and_is_uniform(up: str, axis: int) -> None:
    turns = rotations(3000, only(up=up, rotation=90), seeded())
    torch.testing.assert_close(turns @ turns.transpose(1, 2), torch.eye(3).expand(3000, 3, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(turns), torch.ones(3000), atol=1e-5, rtol=0)
    torch.testing.assert_close(turns[:, axis, axis], torch.ones(3000))
    one, two = [other for other in range(3) if other != axis]
    angles = torch.atan2(turns[:, two, one], turns[:, one, one]).rad2deg()
    assert kstest(angles.numpy(), "uniform", (-90, 180)).pvalue > 0.01


def test_a_tilt_moves_the_up_axis_by_no_more_than_it_may() -> None:
    ups = rotations(2000, only(rotation=180, tilt=30), seeded())[:, :, 2]
    assert cos(radians(30)) - 1e-6 <= ups[:, 2].min() < cos(radians(28))
    assert (ups[:, :2].mean(dim=0).abs() < 0.02).all()


def test_sizes_are_drawn_from_their_range_per_sample_or_per_axis() -> None:
    inputs = clouds(1).expand(2000, -1, -1)
    factor = augment_points(inputs, only(scale=[0.5, 2.0]), seeded()) / inputs
    assert (factor.amax((1, 2)) - factor.amin((1, 2))).max() < 1e-4
    assert kstest(factor[:, 0, 0].numpy(), "uniform", (0.5, 1.5)).pvalue > 0.01
    factor = augment_points(inputs, only(scale=[0.5, 2.0], anisotropic=True), seeded()) / inputs
    assert (factor.amax(1) - factor.amin(1)).max() < 1e-4
    assert len(set(factor[0, 0].tolist())) == 3


def test_normals_stay_at_right_angles_under_a_stretch() -> None:
    """Points of a tilted plane: their differences are tangents."""
    tangents = torch.nn.functional.normalize(torch.tensor([[1.0, 0, 1], [0, 1, 1]]), dim=1)
    weights = torch.randn(1, 64, 2, generator=seeded())
    normal = torch.nn.functional.normalize(torch.linalg.cross(tangents[0], tangents[1]), dim=0)
    plane = torch.cat([weights @ tangents, normal.expand(1, 64, 3)], dim=2)
    config = only(rotation=180, tilt=40, scale=[0.5, 2.0], anisotropic=True)
    view = augment_points(plane, config, seeded())[0]
    tangent = view[1:, :3] - view[:1, :3]
    assert (tangent * view[1:, 3:]).sum(dim=1).abs().max() < 1e-5


def test_shift_and_jitter_are_as_configured_and_noise_is_clipped() -> None:
    inputs = clouds(1).expand(2000, -1, -1)
    shift = augment_points(inputs, only(translation=0.3), seeded()) - inputs
    assert (shift.amax(1) - shift.amin(1)).max() < 1e-5
    assert kstest(shift[:, 0, 1].numpy(), "uniform", (-0.3, 0.6)).pvalue > 0.01
    noise = augment_points(inputs, only(jitter=0.02, jitter_clip=0.05), seeded()) - inputs
    assert abs(float(noise.std()) - 0.0197) < 3e-4
    assert float(noise.abs().max()) == pytest.approx(0.05, abs=1e-6)


@given(st.integers(1, 64))
@settings(max_examples=20, deadline=None)
def test_resampled_points_are_different_points_of_the_cloud(count: int) -> None:
    stored = torch.arange(64.0).view(1, 64, 1).expand(7, 64, 3).contiguous()
    config = NOTHING.model_copy(update={"resample": count})
    for cloud in augment_points(stored, config, seeded(count))[..., 0]:
        drawn = cloud.tolist()
        assert len(set(drawn)) == len(drawn) == count
        assert set(drawn) <= set(range(64))


def test_every_point_is_drawn_equally_often() -> None:
    stored = torch.arange(64.0).view(1, 64, 1).expand(4000, 64, 3)
    drawn = augment_points(stored, NOTHING.model_copy(update={"resample": 16}), seeded())[..., 0]
    counts = torch.bincount(drawn.flatten().long(), minlength=64)
    assert ((counts - 1000).abs() < 150).all()


def test_dropped_points_become_the_first_one_in_a_random_share() -> None:
    inputs = clouds(1, 200).expand(2000, -1, -1)
    dropped = drop(inputs, 0.6, seeded())
    gone = (dropped != inputs).any(dim=2)
    assert torch.equal(dropped[gone], inputs[:, :1].expand_as(inputs)[gone])
    shares = gone.float().mean(dim=1)
    assert float(shares.max()) < 0.75
    assert abs(float(shares.mean()) - 0.3) < 0.01
    assert float(shares.std()) > 0.15
    assert not gone[:, 0].any()
