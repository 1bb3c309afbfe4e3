"""What every batch sampler promises, beyond what it prefers."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sampler import make, make_paths

from hmlc_ray.config.training import TrainingConfig
from hmlc_ray.data.sampler import SAMPLERS

KINDS = get_args(TrainingConfig.model_fields["sampler"].annotation)


def test_the_table_has_every_kind_and_no_other() -> None:
    assert {*SAMPLERS} == {*KINDS}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None)
@given(num_samples=st.integers(5, 300), batch=st.integers(5, 64), world=st.integers(1, 5), epoch=st.integers(0, 3))
def test_the_union_over_ranks_is_one_global_batch_of_exact_size(
    kind: str, num_samples: int, batch: int, world: int, epoch: int
) -> None:
    paths = make_paths(num_samples)
    samplers = [make(kind, paths, batch, rank, world) for rank in range(world)]
    alone = make(kind, paths, batch)
    for sampler in [*samplers, alone]:
        sampler.set_epoch(epoch)
    parts = [list(sampler) for sampler in samplers]
    expected = list(alone)
    assert len(expected) == len(alone) == max(1, num_samples // batch)
    for step, whole in enumerate(expected):
        assert len(whole) == min(batch, num_samples)
        assert whole.dtype == np.int64
        assert whole.min() >= 0
        assert whole.max() < num_samples
        np.testing.assert_array_equal(np.concatenate([part[step] for part in parts]), whole)
        sizes = [len(part[step]) for part in parts]
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_epochs_differ_and_repeat_exactly(kind: str) -> None:
    sampler = make(kind, make_paths(200), 32)
    first = np.stack(list(sampler))
    sampler.set_epoch(1)
    second = np.stack(list(sampler))
    sampler.set_epoch(0)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(np.stack(list(sampler)), first)
