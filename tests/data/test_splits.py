"""Stratified splits: disjoint, complete, every leaf everywhere, reproducible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hmlc_ray.config.data import DigitsConfig
from hmlc_ray.data.base import Split
from hmlc_ray.data.splits import divide, fingerprint, hold_out, stratified_subset
from hmlc_ray.errors import DataError
from hmlc_ray.folders.notes import check_counts
from hmlc_ray.taxonomy import Taxonomy

COUNTS = st.lists(st.integers(2, 40), min_size=1, max_size=8)
TREE = Taxonomy.from_paths(("leaf",), [("a",), ("b",)])


def leaves(counts: list[int]) -> np.ndarray:
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))


def numbered(leaf: list[int]) -> Split:
    """Samples whose pixels hold their own number."""
    return Split(torch.arange(len(leaf), dtype=torch.uint8).reshape(-1, 1, 1, 1), torch.tensor(leaf, dtype=torch.int64))


@given(counts=COUNTS, fraction=st.floats(0.05, 0.85), seed=st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_hold_out_divides_every_leaf_in_proportion(counts: list[int], fraction: float, seed: int) -> None:
    leaf = leaves(counts)
    kept, held = hold_out(leaf, fraction, (seed,))
    assert sorted([*kept, *held]) == list(range(len(leaf)))
    shares = np.bincount(leaf[held], minlength=len(counts))
    for count, share in zip(counts, shares, strict=True):
        assert 1 <= share <= count - 1
        assert abs(share - count * fraction) <= 1
    np.testing.assert_array_equal(hold_out(leaf, fraction, (seed,))[1], held)


def test_a_given_split_without_samples_is_refused() -> None:
    full, empty = numbered([0, 0, 0, 1, 1, 1]), numbered([])
    for name, splits in (("train", (empty, full, full)), ("val", (full, empty, full)), ("test", (full, None, empty))):
        with pytest.raises(DataError, match=f"the {name} split holds no sample"):
            divide(DigitsConfig(), TREE, *splits)


@given(counts=COUNTS, data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_subset_has_exactly_the_size_and_the_proportions(counts: list[int], data: st.DataObject) -> None:
    leaf = leaves(counts)
    size = data.draw(st.integers(1, len(leaf) + 5))
    chosen = stratified_subset(leaf, size, (3,))
    assert len(set(chosen.tolist())) == len(chosen) == min(size, len(leaf))
    shares = np.bincount(leaf[chosen], minlength=len(counts))
    assert np.abs(shares - np.array(counts) * len(chosen) / len(leaf)).max() < 1


def test_validation_never_overlaps_test_and_nothing_is_lost() -> None:
    data = divide(DigitsConfig(), TREE, numbered([0, 1] * 60))
    assert data.val is not None
    parts = [set(part.inputs.flatten().tolist()) for part in (data.train, data.val, data.test)]
    assert sorted(value for part in parts for value in part) == list(range(120))


def test_given_splits_are_kept_as_they_are() -> None:
    train, test = numbered([0, 1] * 10), numbered([1, 0, 1])
    data = divide(DigitsConfig(), TREE, train, test=test)
    assert data.test is test
    assert data.val is not None
    assert len(data.train) + len(data.val) == 20


def test_too_few_samples_of_a_leaf_are_named() -> None:
    with pytest.raises(DataError, match=r"leaf 'b' has 2 training samples, but at least 3 are needed"):
        divide(DigitsConfig(), TREE, numbered([0] * 9 + [1] * 2))
    with pytest.raises(DataError, match="leaf 1 has 1 sample, too few"):
        hold_out(np.array([0, 0, 1]), 0.5, (0,))


def test_all_leaves_that_have_too_few_samples_are_named() -> None:
    leaves = [f"leaf{number}" for number in range(14)]
    counts = {"train": [1] * 12 + [2, 3]}
    with pytest.raises(DataError) as caught:
        check_counts(leaves, counts)
    text = str(caught.value)
    assert text.startswith("leaf 'leaf0' has 1 training sample, but at least 3 are needed")
    assert "too few have also 'leaf1' (1), 'leaf2' (1)" in text
    assert "'leaf10' (1) and 2 more; add samples, or leave out or merge these classes" in text
    check_counts(leaves, {**counts, "val": [1] * 14, "test": [1] * 14})


def test_leaves_that_only_other_splits_have_may_be_kept() -> None:
    counts = {"train": [3, 3, 0], "val": [1, 1, 1], "test": [1, 1, 0]}
    with pytest.raises(DataError, match=r"leaf 'c' has 0 .* this class \(data\.untrained: keep accepts"):
        check_counts("abc", counts)
    check_counts("abc", counts, untrained=True)
    with pytest.raises(DataError, match="leaf 'c' has 0"):  # no split has it
        check_counts("abc", {"train": [3, 3, 0], "val": [1, 1, 0]}, untrained=True)


def test_the_fingerprint_sees_pixels_leaves_tree_and_order() -> None:
    split = numbered([0, 1, 0])
    other_tree = Taxonomy.from_paths(("leaf",), [("a",), ("c",)])
    variants = [
        fingerprint(TREE, split),
        fingerprint(other_tree, split),
        fingerprint(TREE, numbered([0, 1, 1])),
        fingerprint(TREE, Split(split.inputs + 1, split.leaf)),
        fingerprint(TREE, Split(split.inputs.reshape(3, 1, 1, 1, 1), split.leaf)),
        fingerprint(TREE, split, numbered([0])),
    ]
    assert len(set(variants)) == len(variants)
    assert fingerprint(TREE, numbered([0, 1, 0])) == variants[0]


def test_splits_of_a_shared_array_copy_nothing_and_know_their_samples() -> None:
    stored = torch.arange(40.0).reshape(20, 2, 1)
    whole = Split(stored, torch.arange(20) % 2, torch.arange(20), "digest")
    data = divide(DigitsConfig(), TREE, whole)
    assert data.val is not None
    parts = (data.train, data.val, data.test)
    assert all(part.inputs is stored and part.rows is not None for part in parts)
    assert sorted(torch.cat([part.rows for part in parts if part.rows is not None]).tolist()) == list(range(20))
    for part in parts:
        assert part.rows is not None
        assert torch.equal(part.at(torch.arange(len(part))), stored[part.rows])
        assert torch.equal(part.leaf, part.rows % 2)
    merged = divide(DigitsConfig(train_on="train+val"), TREE, whole)
    assert merged.train.inputs is stored
    assert torch.equal(merged.train.leaf, torch.cat([data.train.leaf, data.val.leaf]))
    assert merged.fingerprint == data.fingerprint
    other = divide(DigitsConfig(), TREE, replace(whole, inputs_digest="other"))
    assert other.fingerprint != data.fingerprint
