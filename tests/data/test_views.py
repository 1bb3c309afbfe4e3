"""The batched views against torchvision's per-image transforms: operations exactly, random draws in distribution."""

from __future__ import annotations

from importlib import import_module

import pytest
import torch
from scipy import stats
from torch import Tensor

from hmlc_ray.compute.torchvision_shim import torchvision
from hmlc_ray.config.data import ViewsConfig
from hmlc_ray.data import color, filters, geometry
from hmlc_ray.data.pixels import to_encoder_input, to_unit
from hmlc_ray.data.views import TwoViews, augment, with_views

v2 = import_module("torchvision.transforms.v2")  # only after the shim
ALL = ViewsConfig(crop_scale=(0.2, 1), flip=0.5, rotation=20, color_jitter=1, grayscale=0.2, blur=0.5, noise=0.05)
NOTHING = ViewsConfig(crop_scale=(1, 1), crop_ratio=(1, 1))
CPU = torch.device("cpu")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(count: int = 8, channels: int = 3, size: int = 12) -> Tensor:
    return torch.rand(count, channels, size, size, generator=seeded(7))


def as_bytes(x: Tensor) -> Tensor:
    return (x * 255).round().to(torch.uint8)


def each(x: Tensor, f) -> Tensor:  # type: ignore[no-untyped-def]
    return torch.stack([f(i, image) for i, image in enumerate(x)])


# --- operations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flip", [False, True])
def test_a_crop_equals_torchvisions_resized_crop(flip: bool) -> None:
    x = images(50)
    boxes = geometry.crop_boxes(50, (12, 12), (0.1, 1.0), (0.5, 2.0), seeded())
    grid, inside = geometry.sampling_grid(boxes, torch.full((50,), flip), None, (12, 12), CPU)
    ours = torch.nn.functional.grid_sample(x, grid, padding_mode="border", align_corners=False)
    theirs = each(x, lambda i, image: v2.functional.resized_crop(image, *boxes[i].tolist(), size=[12, 12]))
    assert inside is None
    torch.testing.assert_close(ours, theirs.flip(-1) if flip else theirs, atol=2e-6, rtol=0)


def test_a_rotation_equals_torchvisions_and_is_black_outside() -> None:
    x = images(6, size=16)
    degrees = torch.tensor([0.0, 90.0, -90.0, 180.0, 33.0, -12.5])
    whole = torch.tensor([[0, 0, 16, 16]]).expand(6, 4)
    grid, inside = geometry.sampling_grid(whole, torch.zeros(6, dtype=torch.bool), degrees, (16, 16), CPU)
    assert inside is not None
    ours = torch.nn.functional.grid_sample(x, grid, padding_mode="border", align_corners=False) * inside[:, None]
    bilinear = v2.InterpolationMode.BILINEAR
    theirs = each(x, lambda i, image: v2.functional.rotate(image, degrees[i].item(), interpolation=bilinear))
    torch.testing.assert_close(ours[:, :, 4:12, 4:12], theirs[:, :, 4:12, 4:12], atol=1e-5, rtol=0)
    torch.testing.assert_close(ours[:4], theirs[:4], atol=1e-5, rtol=0)
    assert not inside[4, 0, 0]
    assert ours[4, :, 0, 0].abs().max() == 0


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("kind", "name"), [(0, "adjust_brightness"), (1, "adjust_contrast"), (2, "adjust_saturation")])
def test_brightness_contrast_and_saturation_equal_torchvisions(kind: int, name: str, channels: int) -> None:
    x, factors = images(channels=channels), torch.linspace(0.1, 1.9, 24).reshape(8, 3)
    ours = color._blend(x, color._weights(torch.full((8,), kind), factors))
    operation = getattr(v2.functional, name)
    torch.testing.assert_close(ours, each(x, lambda i, image: operation(image, factors[i, kind].item())))


def test_hue_equals_torchvisions_grey_pixels_included() -> None:
    x, turns = images(), torch.linspace(-0.5, 0.5, 8)
    x[:, :, 0] = 0.3
    x[:, :, 1] = 0
    x[:, :2, 2] = 0.8
    theirs = each(x, lambda i, image: v2.functional.adjust_hue(image, turns[i].item()))
    torch.testing.assert_close(color.rotate_hue(x, turns), theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("size", [8, 32, 64])
def test_blur_equals_torchvisions(size: int) -> None:
    x, sigma = images(size=size), torch.linspace(0.1, 2.0, 8)
    kernel = [filters.blur_size(size, size)] * 2
    theirs = each(x, lambda i, image: v2.functional.gaussian_blur(image, kernel, [sigma[i].item()] * 2))
    torch.testing.assert_close(filters.blur(x, sigma), theirs, atol=1e-6, rtol=0)


# --- draws --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "scale", "ratio"), [((8, 8), (0.2, 1.0), (0.75, 4 / 3)), ((10, 20), (0.7, 1.0), (0.5, 1.1))]
)
def test_crop_boxes_follow_torchvisions_distribution(
    size: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float]
) -> None:
    torch.manual_seed(0)
    ours = geometry.crop_boxes(4000, size, scale, ratio, seeded())
    draw = torchvision.transforms.RandomResizedCrop.get_params
    theirs = torch.tensor([draw(torch.empty(1, *size), list(scale), list(ratio)) for _ in range(4000)])
    assert (ours[:, :2] >= 0).all()
    assert (ours[:, :2] + ours[:, 2:] <= torch.tensor(size)).all()
    for column in range(4):
        values = torch.cat([ours[:, column], theirs[:, column]]).unique()
        counts = [[(side[:, column] == value).sum().item() for value in values] for side in (ours, theirs)]
        assert stats.chi2_contingency(counts).pvalue > 1e-3, f"column {column}"
    areas = [side[:, 2] * side[:, 3] for side in (ours, theirs)]
    assert stats.ks_2samp(*areas).pvalue > 1e-3


def test_whole_views_follow_torchvisions_distribution() -> None:
    """Per-image statistics of many views of one image: crop, flip, jitter, grayscale and blur together."""
    torch.manual_seed(1)
    config = ViewsConfig(crop_scale=(0.2, 1), flip=0.5, color_jitter=0.5, grayscale=0.2, blur=0.5)
    transform = v2.Compose(
        [
            v2.RandomResizedCrop(16, scale=(0.2, 1.0)),
            v2.RandomHorizontalFlip(0.5),
            v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], 0.8),
            v2.RandomGrayscale(0.2),
            v2.RandomApply([v2.GaussianBlur(3, (0.1, 2.0))], 0.5),
        ]
    )
    ramp = torch.linspace(0, 1, 16)
    image = torch.stack([ramp.expand(16, 16), ramp.expand(16, 16).T, (ramp * 9).sin().abs().expand(16, 16)])
    ours = augment(image.expand(1500, -1, -1, -1), config, seeded())
    theirs = torch.stack([transform(image) for _ in range(1500)])
    for name, statistic in STATISTICS.items():
        assert stats.ks_2samp(statistic(ours), statistic(theirs)).pvalue > 1e-3, name


STATISTICS = {
    "red": lambda x: x[:, 0].mean((1, 2)),
    "green": lambda x: x[:, 1].mean((1, 2)),
    "contrast": lambda x: x.flatten(1).std(1),
    "saturation": lambda x: (x.amax(1) - x.amin(1)).mean((1, 2)),
    "left to right": lambda x: (x[..., 8:] - x[..., :8]).mean((1, 2, 3)),
    "top to bottom": lambda x: (x[:, :, 8:] - x[:, :, :8]).mean((1, 2, 3)),
    "sharpness": lambda x: (x[..., 1:] - x[..., :-1]).abs().mean((1, 2, 3)),
}


def test_probabilities_rotation_and_noise_are_as_configured() -> None:
    x = images(1, size=8).expand(2000, -1, -1, -1)
    ramp = x.clone()
    flips = augment(ramp, NOTHING.model_copy(update={"flip": 0.3}), seeded())
    share = torch.isclose(flips, ramp.flip(-1), atol=1e-5).flatten(1).all(1).float().mean()
    assert abs(share - 0.3) < 0.04
    gray = augment(x, NOTHING.model_copy(update={"grayscale": 0.4}), seeded())
    assert abs(((gray.amax(1) - gray.amin(1)).amax((1, 2)) < 1e-6).float().mean() - 0.4) < 0.04
    noisy = augment(torch.full_like(x, 0.5), NOTHING.model_copy(update={"noise": 0.05}), seeded())
    assert abs(noisy.std() - 0.05) < 1e-3
    assert abs(noisy.mean() - 0.5) < 1e-3


# --- two views ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_two_views_have_shape_range_and_differ_between_samples_and_views(channels: int) -> None:
    inputs = as_bytes(images(1, channels)).expand(20, -1, -1, -1)
    views = TwoViews(ALL)(inputs, seeded())
    assert views.shape == (2, 20, channels, 12, 12)
    assert views.dtype == torch.float32
    assert -1 <= views.min() < -0.5 < 0.5 < views.max() <= 1
    assert len({tuple(view.flatten().tolist()) for view in views.flatten(0, 1)}) == 40


def test_the_same_generator_state_gives_the_same_views_bit_for_bit() -> None:
    inputs, views = as_bytes(images(30)), TwoViews(ALL)
    first, second = seeded(), seeded()
    assert torch.equal(views(inputs, first), views(inputs, second))
    assert torch.equal(views(inputs, first), views(inputs, second))
    assert not torch.equal(views(inputs, first), views(inputs, seeded()))


def test_inputs_are_left_untouched_and_global_randomness_is_not_used() -> None:
    inputs = as_bytes(images())
    before, state = inputs.clone(), torch.get_rng_state()
    TwoViews(ALL)(inputs, seeded())
    assert torch.equal(inputs, before)
    assert torch.equal(torch.get_rng_state(), state)


def test_without_augmentation_a_view_is_the_encoders_plain_input() -> None:
    inputs = as_bytes(images())
    views = TwoViews(NOTHING)(inputs, seeded())
    torch.testing.assert_close(views[0], to_encoder_input(inputs), atol=1e-5, rtol=0)
    assert to_encoder_input(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [-1, 1]
    assert to_unit(torch.tensor([0.25])).tolist() == [0.25]


def test_large_batches_are_made_in_chunks_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmlc_ray.data.views._CHUNK_BYTES", 4 * 3 * 12 * 12 * 3)
    assert TwoViews(ALL)(as_bytes(images(10)), seeded()).shape == (2, 10, 3, 12, 12)


def test_views_made_ahead_are_those_made_in_turn() -> None:
    """Same draws, same order, also for what the caller draws meanwhile from torch's own generator."""
    batches = [(as_bytes(images(4)), torch.arange(4), torch.tensor([step] * 4)) for step in range(5)]
    views, one, other = TwoViews(ALL), seeded(), seeded()
    torch.manual_seed(0)
    found = [(made, int(index[0]), torch.rand(2)) for made, _, index in with_views(batches, views, one)]
    torch.manual_seed(0)
    wanted = [(views(inputs, other), int(index[0]), torch.rand(2)) for inputs, _, index in batches]
    for (a, i, x), (b, j, y) in zip(found, wanted, strict=True):
        assert i == j
        assert torch.equal(a, b)
        assert torch.equal(x, y)


def test_an_error_while_views_are_made_reaches_the_caller() -> None:
    def broken(inputs: Tensor, generator: torch.Generator) -> Tensor:
        raise ValueError("no views")

    batch = (as_bytes(images(4)), torch.arange(4), torch.arange(4))
    with pytest.raises(ValueError, match="no views"):
        list(with_views([batch, batch], broken, seeded()))
    assert list(with_views([], broken, seeded())) == []
