from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from planted import Planted, planted
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestCentroid
from torch import Tensor, nn

from hmlc_ray.config.objective import GHmlcConfig, SumSupconConfig
from hmlc_ray.objectives.base import Batch, Dims
from hmlc_ray.objectives.g_hmlc import GHmlc
from hmlc_ray.objectives.sum_supcon import SumSupcon
from hmlc_ray.taxonomy import Taxonomy

EPOCHS = 4


@pytest.fixture(scope="module")
def made() -> Planted:
    return planted((4, 5), samples=600, per_level=12, effect=2.0)


def objective(made: Planted, **values: Any) -> GHmlc:
    config = GHmlcConfig.model_validate({"warmup_epochs": 1, "refit_every": 1, "freeze_fraction": 0.0} | values)
    counts = made.taxonomy.class_counts(made.leaf)
    return GHmlc(config, Dims(made.taxonomy, counts, made.embeddings.shape[1], feature_dim=1))


def batches(made: Planted, size: int = 200) -> list[Batch]:
    rows = torch.arange(len(made.leaf)).split(size)
    return [Batch(made.embeddings[part], made.paths[part], part) for part in rows]


def run_epoch(g_hmlc: GHmlc, made: Planted, epoch: int) -> dict[str, float]:
    g_hmlc.begin_epoch(epoch, EPOCHS)
    for batch in batches(made):
        g_hmlc(batch)
    return g_hmlc.end_epoch(epoch, EPOCHS)


def sum_supcon(made: Planted, batch: Batch, **values: Any) -> Tensor:
    counts = made.taxonomy.class_counts(made.leaf)
    reference = SumSupcon(
        SumSupconConfig(**values), Dims(made.taxonomy, counts, made.embeddings.shape[1], feature_dim=1)
    )
    total: Tensor = reference(batch).total
    return total


@pytest.mark.parametrize("mask", ["mixture", "none"])
def test_without_a_fit_the_loss_is_sum_supcon(made: Planted, mask: str) -> None:
    batch = batches(made)[0]
    values = {"level_weights": (1.0, 3.0), "temperature": (0.1, 0.3)}
    g_hmlc = objective(made, mask=mask, **values)
    torch.testing.assert_close(g_hmlc(batch).total, sum_supcon(made, batch, **values))
    if mask == "none":
        assert [run_epoch(g_hmlc, made, epoch) for epoch in range(EPOCHS)] == [{}] * EPOCHS
        assert g_hmlc.masks() is None
        torch.testing.assert_close(g_hmlc(batch).total, sum_supcon(made, batch, **values))


def test_masks_are_ones_until_the_warm_up_is_over_and_then_recover_what_was_planted(made: Planted) -> None:
    g_hmlc = objective(made, quota="free", nesting="partition", warmup_epochs=2)
    assert run_epoch(g_hmlc, made, 0) == {}
    masks = g_hmlc.masks()
    assert masks is not None
    assert (masks == 1).all()
    assert not g_hmlc.is_fitted
    log = run_epoch(g_hmlc, made, 1)
    assert g_hmlc.is_fitted
    assert log["mask/dims/0"] == masks[0].sum()
    for level in range(2):
        assert (masks[level, torch.from_numpy(made.level == level)] == 1).all()
    assert (masks.sum(dim=0) == 1).all()
    assert "mask/stability" in run_epoch(g_hmlc, made, 2)
    assert run_epoch(g_hmlc, made, 3) == {}


def test_each_level_contrasts_its_own_dimensions(made: Planted) -> None:
    g_hmlc = objective(made)
    run_epoch(g_hmlc, made, 0)
    masks = g_hmlc.masks()
    assert masks is not None
    batch = batches(made)[1]
    report = g_hmlc(batch)
    for level in range(2):
        masked = Batch(batch.embeddings * masks[level], batch.paths, batch.instance)
        weights = tuple(float(h == level) for h in range(2))
        torch.testing.assert_close(report.per_level[level], sum_supcon(made, masked, level_weights=weights))


def test_evaluation_and_epochs_without_a_fit_count_nothing(made: Planted) -> None:
    g_hmlc = objective(made, warmup_epochs=2)
    expected = objective(made, warmup_epochs=2)
    run_epoch(expected, made, 1)
    run_epoch(g_hmlc, made, 0)
    g_hmlc.begin_epoch(1, EPOCHS)
    for batch in batches(made):
        g_hmlc.train()(batch)
        g_hmlc.eval()(Batch(torch.randn_like(batch.embeddings), batch.paths, batch.instance))
    g_hmlc.end_epoch(1, EPOCHS)
    assert torch.equal(g_hmlc.mask, expected.mask)
    g_hmlc.begin_epoch(2, EPOCHS)
    assert g_hmlc.end_epoch(2, EPOCHS) == {}


def test_frozen_masks_stay(made: Planted) -> None:
    g_hmlc = objective(made, freeze_fraction=0.75)
    run_epoch(g_hmlc, made, 0)
    before = g_hmlc.mask.clone()
    noise = Planted(made.taxonomy, torch.randn_like(made.embeddings), made.leaf, made.level)
    assert run_epoch(g_hmlc, noise, 1) == {}
    assert torch.equal(g_hmlc.mask, before)


@pytest.mark.parametrize("values", [{}, {"mask": "random"}, {"hardness": "soft"}, {"imbalance": "denominator"}])
def test_a_checkpoint_keeps_masks_and_what_comes_next(made: Planted, values: dict[str, Any]) -> None:
    g_hmlc = objective(made, **values)
    run_epoch(g_hmlc, made, 0)
    restored = objective(made, **values)
    batch = batches(made)[0]
    restored.eval()(batch)
    restored.load_state_dict(copy.deepcopy(g_hmlc.state_dict()))
    assert restored.is_fitted
    assert torch.equal(restored.mask, g_hmlc.mask)
    torch.testing.assert_close(restored.eval()(batch).total, g_hmlc.eval()(batch).total, rtol=0, atol=0)
    logs = [run_epoch(which.train(), made, 1) for which in (g_hmlc, restored)]
    assert logs[0] == logs[1]
    assert torch.equal(restored.mask, g_hmlc.mask)


def test_masks_follow_the_module_to_another_type(made: Planted) -> None:
    g_hmlc = objective(made)
    run_epoch(g_hmlc, made, 0)
    batch = batches(made)[0]
    single = g_hmlc(batch).total
    double = copy.deepcopy(g_hmlc).double()(Batch(batch.embeddings.double(), batch.paths, batch.instance)).total
    assert double.dtype == torch.float64
    torch.testing.assert_close(single.double(), double, rtol=1e-5, atol=0)


def test_fits_do_not_depend_on_global_random_state(made: Planted) -> None:
    fitted = []
    for seed in range(2):
        np.random.seed(seed)
        torch.manual_seed(seed)
        g_hmlc = objective(made, mask="mixture", quota="free")
        run_epoch(g_hmlc, made, 0)
        fitted.append(g_hmlc.mask)
    assert torch.equal(*fitted)


def test_the_order_of_the_levels_does_not_matter_to_fixed_masks(made: Planted) -> None:
    g_hmlc = objective(made, level_weights=(1.0, 3.0), temperature=(0.1, 0.2))
    run_epoch(g_hmlc, made, 0)
    swapped = objective(made, level_weights=(3.0, 1.0), temperature=(0.2, 0.1))
    state = {name: value.flip(0) if name == "mask" else value for name, value in g_hmlc.state_dict().items()}
    swapped.load_state_dict(state)
    batch = batches(made)[0]
    flipped = Batch(batch.embeddings, batch.paths.flip(1), batch.instance)
    torch.testing.assert_close(swapped(flipped).total, g_hmlc(batch).total)


def digits() -> tuple[Taxonomy, Tensor, Tensor]:
    images, digit = load_digits(return_X_y=True)
    names = [("even" if d % 2 == 0 else "odd", str(d)) for d in range(10)]
    return Taxonomy.from_paths(("parity", "digit"), names), torch.tensor(images).float() / 16, torch.from_numpy(digit)


def train_on_digits(seed: int) -> tuple[GHmlc, nn.Module, Tensor]:
    """The objective and an encoder after 12 epochs, and the samples held out."""
    taxonomy, images, digit = digits()
    torch.manual_seed(seed)
    train, test = torch.randperm(len(images)).split([1200, 597])
    encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 48))
    counts = taxonomy.class_counts(digit[train].numpy())
    g_hmlc = GHmlc(GHmlcConfig(nesting="partition"), Dims(taxonomy, counts, 48, feature_dim=48))
    optimiser = torch.optim.Adam(encoder.parameters(), 2e-3)
    paths = torch.from_numpy(taxonomy.paths(digit.numpy()))
    for epoch in range(12):
        g_hmlc.begin_epoch(epoch, 12)
        for part in train[torch.randperm(len(train))].split(200):
            views = torch.cat([images[part] + 0.1 * torch.randn(len(part), 64) for _ in range(2)])
            loss = g_hmlc(Batch(encoder(views), paths[part].repeat(2, 1), part.repeat(2))).total
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        g_hmlc.end_epoch(epoch, 12)
    return g_hmlc, encoder, test


@pytest.mark.slow
def test_trained_masks_know_their_level_better_than_the_other_dimensions_do() -> None:
    """A probe by nearest class means, held out. (A logistic probe ties at the coarse level: where digits are apart,
    so are odd and even.)"""
    taxonomy, images, digit = digits()
    accuracy = np.zeros((2, 2))
    for seed in range(3):
        g_hmlc, encoder, test = train_on_digits(seed)
        fit_on = np.setdiff1d(np.arange(len(images)), test.numpy())
        embeddings = encoder(images).detach().numpy()
        for level in range(2):
            labels = taxonomy.paths(digit.numpy())[:, level]
            own = g_hmlc.mask[level].bool().numpy()
            for inside, dims in enumerate((~own, own)):
                probe = NearestCentroid().fit(embeddings[fit_on][:, dims], labels[fit_on])
                accuracy[level, inside] += probe.score(embeddings[test][:, dims], labels[test]) / 3
    assert accuracy[0, 1] > accuracy[0, 0] + 0.003, accuracy
    assert accuracy[1, 1] > accuracy[1, 0] + 0.1, accuracy
