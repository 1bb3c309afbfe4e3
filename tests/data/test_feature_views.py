"""Views of features: what each setting does, by itself."""

from __future__ import annotations

import torch
from torch import Tensor

from hmlc_ray.config.features import FeatureViewsConfig
from hmlc_ray.data.base import Split
from hmlc_ray.data.feature_views import TwoFeatureViews

ROWS, DIMS = 4000, 6
SCALES = torch.tensor([1.0, 10.0, 0.1, 3.0, 100.0, 0.01])


def train() -> Split:
    """Rows of two leaves, of columns with a mean and a scale of their own."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(ROWS, DIMS, generator=generator) * SCALES + 5 * SCALES
    return Split(rows, torch.arange(ROWS) % 2)


def views(split: Split, leaf: bool = True, seed: int = 1, **settings: float) -> Tensor:
    config = FeatureViewsConfig(**{"mixup": 0.0, "dropout": 0.0, "noise": 0.0, **settings})
    generator = torch.Generator().manual_seed(seed)
    return TwoFeatureViews(config, split)(split.inputs[:], generator, split.leaf if leaf else None)


def test_without_any_setting_views_are_the_rows() -> None:
    split = train()
    torch.testing.assert_close(views(split, leaf=False), torch.stack([split.inputs[:]] * 2))


def test_the_same_state_gives_the_same_views_and_the_two_differ() -> None:
    settings = {"mixup": 0.3, "dropout": 0.2, "noise": 0.1}
    one, again, other = (views(train(), seed=seed, **settings) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one[0], one[1])
    assert not torch.equal(one, other)


def test_noise_is_measured_in_deviations_of_each_column() -> None:
    split = train()
    noise = (views(split, noise=0.5) - split.inputs[:])[0]
    torch.testing.assert_close(
        noise.std(dim=0) / split.inputs[:].std(dim=0), torch.full((DIMS,), 0.5), atol=0.03, rtol=0
    )
    assert (noise.mean(dim=0).abs() < 0.05 * SCALES).all()


def test_numbers_that_are_dropped_become_the_mean_of_their_column() -> None:
    split = train()
    changed = views(split, dropout=0.25)[0]
    lost = changed != split.inputs[:]
    assert abs(lost.float().mean() - 0.25) < 0.01
    mean = split.inputs[:].mean(dim=0).expand(ROWS, -1)
    torch.testing.assert_close(changed[lost], mean[lost])


def test_rows_are_mixed_with_rows_of_their_leaf_alone_and_up_to_the_share() -> None:
    """Leaf 0 lies at 0 and 10 in halves, leaf 1 at 1000: a mixture shows which rows it came from."""
    places = torch.tensor([0.0, 1000.0, 10.0, 1000.0]).repeat(500).unsqueeze(1)
    split = Split(places, torch.arange(2000) % 2)
    mixed = views(split, mixup=0.4)[0].flatten()
    own = split.inputs[:].flatten()
    assert (mixed[split.leaf == 1] == 1000).all()
    moved = (mixed - own)[split.leaf == 0].abs()
    assert moved.max() <= 4.0001
    assert abs((moved > 1e-6).float().mean() - 0.5) < 0.1
    assert 1.5 < moved[moved > 1e-6].mean() < 2.5


def test_statistics_and_partners_are_those_of_the_split_and_not_of_the_whole_array() -> None:
    inputs = torch.cat([torch.zeros(10, 2), torch.full((10, 2), 1e6)])
    inputs[:10] += torch.randn(10, 2, generator=torch.Generator().manual_seed(0))
    split = Split(inputs, torch.zeros(10, dtype=torch.int64), rows=torch.arange(10))
    config = FeatureViewsConfig(mixup=1.0, dropout=0.5, noise=1.0)
    made = TwoFeatureViews(config, split)(inputs[:10], torch.Generator().manual_seed(0), split.leaf)
    assert made.abs().max() < 20
