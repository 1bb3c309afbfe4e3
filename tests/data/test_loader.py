"""Batches hold exactly the samples that the sampler names."""

from __future__ import annotations

import numpy as np
import torch

from hmlc_ray.data.base import Split
from hmlc_ray.data.loader import epoch_batches


def test_batches_follow_the_sampler() -> None:
    split = Split(torch.arange(10, dtype=torch.uint8).reshape(10, 1, 1, 1), torch.arange(10) % 3)
    named = [np.array([7, 2, 2]), np.array([0, 9])]
    batches = list(epoch_batches(split, named, torch.device("cpu")))
    assert [index.tolist() for _, _, index in batches] == [[7, 2, 2], [0, 9]]
    for (inputs, leaf, index), rows in zip(batches, named, strict=True):
        assert inputs.dtype == torch.uint8
        assert inputs.flatten().tolist() == rows.tolist() == index.tolist()
        assert leaf.tolist() == [row % 3 for row in rows]
