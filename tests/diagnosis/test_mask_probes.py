from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from planted_features import MASKS, TREE, splits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from hmlc_ray.arrays import FloatArray
from hmlc_ray.config.training import EvaluationConfig
from hmlc_ray.diagnosis import mask_probes
from hmlc_ray.diagnosis.mask_probes import MaskProbes, members_of, probe_masks
from hmlc_ray.evaluation.judge import FrozenSplits

SETTINGS = EvaluationConfig(probe_regularisation=(0.01, 1.0))


def probed(found: FrozenSplits, masks: FloatArray = MASKS) -> MaskProbes | None:
    return probe_masks(found, masks, TREE, SETTINGS, torch.device("cpu"))


def test_planted_dimensions_know_their_level_and_not_the_other() -> None:
    found = probed(splits())
    assert found is not None
    assert found.inside[0, 0] > 0.95
    assert found.inside[0, 1] < 0.5  # one of three leaves, at random
    assert found.inside[1, 1] > 0.95
    assert found.outside[0, 1] > 0.95
    assert found.outside[1, 0] > 0.95
    assert found.outside[1, 1] < 0.5
    assert (found.whole > 0.95).all()
    np.testing.assert_allclose(found.majority, [1 / 3, 1 / 9])
    assert found.members.sum(axis=1).tolist() == [4, 6]


@pytest.mark.parametrize("name", ["val", "test"])
def test_every_cell_is_what_scikit_learn_says_alone(name: str) -> None:
    parts = splits(8, name)  # type: ignore[arg-type]
    noisy = [
        replace(part, features=part.features + np.random.default_rng(seed).normal(size=part.features.shape) * 3)
        for seed, part in enumerate((parts.train, parts.val, parts.judged))
        if part is not None
    ]
    parts = FrozenSplits(parts.name, noisy[0], noisy[1], noisy[1] if name == "val" else noisy[2])
    found = probed(parts)
    assert found is not None
    assert parts.val is not None
    for row, mask in enumerate(MASKS > 0):
        for table, columns in ((found.inside, mask), (found.outside, ~mask)):
            for h in range(2):
                fitted = [
                    make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=300)).fit(
                        parts.train.features[:, columns].astype(np.float64), parts.train.paths[:, h]
                    )
                    for c in (0.01, 1.0)
                ]
                held = parts.val.features[:, columns].astype(np.float64)
                best = max(fitted, key=lambda model: model.score(held, parts.val.paths[:, h]))
                judged = parts.judged.features[:, columns].astype(np.float64)
                # A sample on the border of two classes may fall to either side.
                wanted = best.score(judged, parts.judged.paths[:, h])
                assert table[row, h] == pytest.approx(wanted, abs=1.5 / len(judged))


def test_soft_masks_select_what_lies_above_their_own_mean() -> None:
    soft = np.where(MASKS > 0, 0.9, 0.6) + np.random.default_rng(0).uniform(0, 0.05, MASKS.shape)
    assert (members_of(soft) == (MASKS > 0)).all()
    one, other = probed(splits(5), soft), probed(splits(5))
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.inside, other.inside)


def test_a_mask_that_is_the_same_for_all_dimensions_has_no_complement() -> None:
    assert probed(splits(3), np.ones((2, 12))) is None
    nested = np.stack([MASKS[0], np.ones(12)])
    found = probed(splits(3), nested)
    assert found is not None
    np.testing.assert_array_equal(found.inside[1], found.whole)
    assert np.isnan(found.outside[1]).all()
    assert np.isfinite(found.outside[0]).all()
    assert found.members.sum(axis=1).tolist() == [4, 12]


def test_many_training_samples_are_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask_probes, "MAX_SAMPLES", 45)
    few = mask_probes.fewer(splits(20), 0)
    assert len(few.train.paths) == 45
    assert np.bincount(few.train.paths[:, 1]).tolist() == [5] * 9
    assert few.judged is splits(20).judged or len(few.judged.paths) == 180
