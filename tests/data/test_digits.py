"""The digits: real samples, two taxonomies, reproducible splits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from hmlc_ray.config.data import DigitsConfig
from hmlc_ray.data import load_data


def test_digits_are_scaled_to_bytes_and_lose_nothing() -> None:
    data = load_data(DigitsConfig())
    assert data.val is not None
    assert data.input_shape == (1, 8, 8)
    parts = (data.train, data.val, data.test)
    assert sum(map(len, parts)) == 1797
    assert {part.inputs.dtype for part in parts} == {torch.uint8}
    assert {part.leaf.dtype for part in parts} == {torch.int64}
    stored = torch.cat([part.inputs for part in parts]).flatten(1).numpy()
    original = load_digits().data
    restored = np.rint(stored * (16 / 255))
    assert sorted(map(tuple, restored.tolist())) == sorted(map(tuple, original.tolist()))


@pytest.mark.parametrize(("name", "coarse"), [("parity", [d % 2 for d in range(10)]), ("magnitude", [0] * 5 + [1] * 5)])
def test_the_two_taxonomies_share_leaves_but_not_parents(name: str, coarse: list[int]) -> None:
    taxonomy = load_data(DigitsConfig.model_validate({"taxonomy": name})).taxonomy
    assert taxonomy.level_names == (name, "digit")
    assert taxonomy.class_names[1] == tuple("0123456789")
    assert taxonomy.leaf_paths[:, 0].tolist() == coarse


def test_the_same_seed_gives_the_same_data_and_another_seed_another_split() -> None:
    first, again = load_data(DigitsConfig()), load_data(DigitsConfig())
    other = load_data(DigitsConfig(split_seed=1))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert torch.equal(first.train.inputs, again.train.inputs)


def test_training_on_validation_too_merges_and_keeps_test_and_fingerprint() -> None:
    apart, merged = load_data(DigitsConfig()), load_data(DigitsConfig(train_on="train+val"))
    assert merged.val is None
    assert apart.val is not None
    assert len(merged.train) == len(apart.train) + len(apart.val)
    assert torch.equal(merged.test.inputs, apart.test.inputs)
    assert merged.fingerprint == apart.fingerprint
