from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hmlc_ray.arrays import IntArray
from hmlc_ray.config.training import TrainingConfig
from hmlc_ray.data.sampler import BatchSampler, build_sampler
from hmlc_ray.errors import ConfigError, DataError


def make_paths(num_samples: int, seed: int = 0, tree: tuple[int, ...] = (2, 3, 4)) -> IntArray:
    """Paths of a tree with `tree[h]` children per node, its leaves drawn with unequal odds."""
    num_leaves = int(np.prod(tree))
    odds = np.arange(1, num_leaves + 1, dtype=float)
    leaf = np.random.default_rng(seed).choice(num_leaves, num_samples, p=odds / odds.sum())
    below = [int(np.prod(tree[h + 1 :])) for h in range(len(tree))]
    return np.stack([leaf // size for size in below], axis=1).astype(np.int64)


def make(kind: str, paths: IntArray, batch: int, rank: int = 0, world: int = 1, **options: object) -> BatchSampler:
    config = TrainingConfig.model_validate({"sampler": kind, "global_batch_size": batch, **options})
    return build_sampler(config, paths, seed=7, rank=rank, world_size=world)


@pytest.mark.parametrize("num_samples", [10, 64, 100])
def test_uniform_repeats_no_sample_within_an_epoch(num_samples: int) -> None:
    drawn = np.concatenate(list(make("uniform", make_paths(num_samples), 16)))
    assert len(np.unique(drawn)) == len(drawn) == (num_samples // 16 * 16 or num_samples)


@pytest.mark.parametrize("level", [0, 1, "leaf"])
@pytest.mark.parametrize("batch", [7, 24, 50])
def test_class_balanced_counts_differ_by_at_most_one(level: int | str, batch: int) -> None:
    paths = make_paths(600)
    labels = paths[:, -1 if level == "leaf" else int(level)]
    classes = np.unique(labels)
    for indices in make("class-balanced", paths, batch, sampler_level=level):
        counts = np.array([(labels[indices] == c).sum() for c in classes])
        assert counts.max() - counts.min() <= 1


def test_class_balanced_repeats_within_a_batch_only_where_a_class_is_too_small() -> None:
    labels = np.repeat([0, 1, 2], [2, 10, 500])
    for indices in make("class-balanced", labels[:, None], 30):
        unique = np.unique(indices)
        assert [(labels[unique] == c).sum() for c in range(3)] == [2, 10, 10]


def test_class_balanced_uses_every_sample_of_a_class_before_any_again() -> None:
    labels = np.repeat([0, 1], [30, 470])
    drawn = np.concatenate(list(make("class-balanced", labels[:, None], 50)))
    counts = np.bincount(drawn, minlength=500)[:30]
    assert counts.max() - counts.min() <= 1


def first_difference(paths: IntArray, a: int, b: int) -> int:
    """The first level at which two samples differ, H for two samples of one leaf."""
    differs = np.flatnonzero(paths[a] != paths[b])
    return int(differs[0]) if len(differs) else paths.shape[1]


@settings(max_examples=25, deadline=None)
@given(batch=st.integers(5, 60), seed=st.integers(0, 100))
def test_hierarchical_groups_hold_one_sample_of_each_relation(batch: int, seed: int) -> None:
    paths = make_paths(800, seed)
    sizes = np.bincount(paths[:, -1], minlength=24)
    anchors = []
    for indices in make("hierarchical", paths, batch):
        for start in range(0, batch, 5):
            anchor, *companions = indices[start : start + 5]
            anchors.append(anchor)
            found = [first_difference(paths, anchor, other) for other in companions]
            expected = [3, 2, 1, 0] if sizes[paths[anchor, -1]] > 1 else [2, 2, 1, 0]
            assert found == expected[: len(found)]
            assert anchor not in companions
    assert len(set(anchors)) == len(anchors)


def test_hierarchical_batches_repeat_no_sample_where_there_are_others() -> None:
    for indices in make("hierarchical", make_paths(600), 64):
        assert len(np.unique(indices)) == 64


def test_hierarchical_takes_the_next_relation_where_nobody_is_in_one() -> None:
    # Leaf 0 has one sample and is an only child: its positive and its sibling both come from another coarse class.
    paths = np.array([[0, 0], [1, 1], [1, 1], [1, 2], [1, 2]])
    sampler = make("hierarchical", paths, 5)
    for epoch in range(20):
        sampler.set_epoch(epoch)
        anchor, *companions = next(iter(sampler))[:4]
        found = [first_difference(paths, anchor, other) for other in companions]
        assert found == ([0, 0, 0] if anchor == 0 else [2, 1, 0])


def test_hierarchical_with_a_single_coarse_class_falls_back_to_a_finer_difference() -> None:
    paths = np.array([[0, leaf] for leaf in (0, 0, 0, 1, 1, 1)])
    anchor, *companions = next(iter(make("hierarchical", paths, 6)))[:4]
    assert [first_difference(paths, anchor, other) for other in companions] == [2, 1, 1]


def test_hierarchical_accepts_a_set_of_one_leaf() -> None:
    assert len(next(iter(make("hierarchical", np.zeros((6, 2), dtype=np.int64), 6)))) == 6


def test_wrong_input_is_said_in_one_sentence() -> None:
    paths = make_paths(50)
    with pytest.raises(ConfigError, match="groups of 5"):
        make("hierarchical", paths, 4)
    with pytest.raises(ConfigError, match="shared by 4 workers"):
        make("uniform", paths, 3, world=4)
    with pytest.raises(DataError, match="no samples"):
        make("uniform", paths[:0], 8)
