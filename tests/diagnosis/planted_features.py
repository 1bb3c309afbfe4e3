"""Features whose dimensions know what was planted in them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from hmlc_ray.evaluation.figures import Frozen
from hmlc_ray.evaluation.judge import FrozenSplits
from hmlc_ray.taxonomy import Taxonomy

TREE = Taxonomy.from_paths(("coarse", "fine"), [(f"c{i % 3}", f"f{i}") for i in range(9)])
"""Three coarse classes of three leaves each, whose numbers alternate between the coarse classes."""
COARSE, FINE, NOISE = slice(0, 4), slice(4, 10), slice(10, 12)
"""Dimensions that differ between coarse classes alone, between the leaves of one coarse class alone, and not at all."""
MASKS = np.zeros((2, 12))
MASKS[0, COARSE] = MASKS[1, FINE] = 1


def planted(count: int, seed: int, tree: Taxonomy = TREE) -> Frozen:
    """`count` samples per leaf."""
    effects = np.random.default_rng(99)
    coarse = effects.normal(size=(tree.num_classes[0], 4)) * 4
    fine = effects.normal(size=(tree.num_leaves, 6)) * 4
    parent = tree.leaf_paths[:, 0]
    fine -= np.stack([fine[parent == c].mean(axis=0) for c in parent])
    leaf = np.repeat(np.arange(tree.num_leaves), count)
    rows = np.random.default_rng(seed).normal(size=(len(leaf), 12)) * 0.5
    rows[:, COARSE] += coarse[parent[leaf]]
    rows[:, FINE] += fine[leaf]
    return Frozen(rows.astype(np.float32), tree.paths(leaf))


def splits(count: int = 20, name: Literal["val", "test"] = "val") -> FrozenSplits:
    train, val, test = (planted(count, seed) for seed in range(3))
    return FrozenSplits(name, train, val, val if name == "val" else test)
