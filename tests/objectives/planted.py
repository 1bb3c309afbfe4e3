"""Embeddings whose dimensions are known to serve a level, all levels, or none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hmlc_ray.objectives.masks.descriptor import ClassSums, descriptor, nested_variances
from hmlc_ray.taxonomy import Taxonomy


@dataclass(frozen=True)
class Planted:
    taxonomy: Taxonomy
    embeddings: Tensor
    """float32 [N, D]."""
    leaf: npt.NDArray[np.int64]
    level: npt.NDArray[np.int64]
    """The level that each dimension was made for; H: all levels, H + 1: none."""

    @property
    def paths(self) -> Tensor:
        return torch.from_numpy(self.taxonomy.paths(self.leaf))

    def sums(self) -> ClassSums:
        sums = ClassSums(self.taxonomy.num_leaves, self.embeddings.shape[1])
        sums.add(self.embeddings, torch.from_numpy(self.leaf))
        return sums

    def descriptor(self) -> npt.NDArray[np.float64]:
        return descriptor(nested_variances(self.sums(), self.taxonomy))


def regular_tree(children: tuple[int, ...]) -> Taxonomy:
    """`children[h]` children per node of level h - 1."""
    leaves = np.arange(np.prod(children))
    paths = np.stack([leaves // np.prod(children[h + 1 :], dtype=int) for h in range(len(children))], axis=1)
    names = [tuple(f"{h}-{c}" for c in range(paths[-1, h] + 1)) for h in range(len(children))]
    return Taxonomy(tuple(f"level{h}" for h in range(len(children))), tuple(names), paths)


def planted(
    children: tuple[int, ...], *, seed: int = 0, samples: int = 2000, per_level: int = 24, effect: float = 1.0
) -> Planted:
    """Unit noise, plus class effects that vanish on average inside each parent and have standard deviation `effect`."""
    taxonomy = regular_tree(children)
    rng = np.random.default_rng(seed)
    num_levels = taxonomy.num_levels
    level = rng.permutation(np.repeat(np.arange(num_levels + 2), [per_level] * num_levels + [16, per_level]))
    leaf = rng.integers(0, taxonomy.num_leaves, samples)
    paths = taxonomy.paths(leaf)
    rows = rng.normal(size=(samples, len(level)))
    for h, parents in enumerate(taxonomy.parents):
        dims = np.flatnonzero((level == h) | (level == num_levels))
        effects = rng.normal(size=(taxonomy.num_classes[h], len(dims)))
        for parent in np.unique(parents):
            effects[parents == parent] -= effects[parents == parent].mean(axis=0)
        effects *= effect / np.sqrt(np.square(effects).mean(axis=0))
        rows[:, dims] += effects[paths[:, h]]
    return Planted(taxonomy, torch.from_numpy(rows.astype(np.float32)), leaf, level)
