"""How many dimensions are used: by the features, and by the differences between the classes of each level."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import svdvals

from hmlc_ray.arrays import FloatArray, IntArray
from hmlc_ray.evaluation.figures import Frozen
from hmlc_ray.objectives.masks.descriptor import ClassSums, level_effects
from hmlc_ray.taxonomy import Taxonomy

MAX_SAMPLES = 10_000
"""Samples that a spectrum is taken of at most."""
_PRECISION = float(np.finfo(np.float32).eps)
"""That of the features; smaller differences are rounding."""


@dataclass(frozen=True, eq=False)
class Spectrum:
    """How the variance of rows lies along their principal axes."""

    deviations: FloatArray
    """Standard deviation along each axis, largest first, float64 [min(n, F)]: the singular values of the centred rows
    by the root of n."""
    effective_rank: float
    """NaN where all rows are equal."""


@dataclass(frozen=True, eq=False)
class Scatter:
    """The between-class scatter of one level, inside the parent classes."""

    eigenvalues: FloatArray
    """Largest first, float64 [min(C_h, F)]."""
    rank: int
    """Eigenvalues above rounding."""
    effective_rank: float
    """NaN where no class differs from its parent."""
    largest_rank: int
    """What the rank can be at most with the classes that occur: their number less that of their parents, or F."""


def effective_rank(values: FloatArray) -> float:
    """exp(-sum p log p), p the singular values by their sum (Roy and Vetterli 2007); NaN where all are 0."""
    positive = values[values > 0]
    if not len(positive):
        return math.nan
    shares = positive / positive.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def spectrum_of(frozen: Frozen, seed: int) -> Spectrum:
    """The spectrum of features [n, F], or of a stratified subset where there are many."""
    rows = frozen.subset(MAX_SAMPLES, seed).features.astype(np.float64)
    deviations = svdvals(rows - rows.mean(axis=0)) / math.sqrt(len(rows))
    deviations[deviations <= _rounding(rows)] = 0
    return Spectrum(deviations, effective_rank(deviations))


def scatters_of(frozen: Frozen, taxonomy: Taxonomy) -> tuple[Scatter, ...]:
    """The scatter of each level, coarsest first: S_h = 1/N sum_c N_c (m_c - m_p(c)) (m_c - m_p(c))^T, with class means
    m_c, and m_p(c) the mean of the parent class; at the coarsest level that of all samples."""
    leaf = frozen.paths[:, -1]
    sums = ClassSums(taxonomy.num_leaves, frozen.features.shape[1])
    sums.add(torch.from_numpy(frozen.features), torch.from_numpy(leaf))
    floor, largest = _rounding(frozen.features), _largest_ranks(frozen)
    found = []
    for h, effect in enumerate(level_effects(sums, taxonomy)):
        classes, first = np.unique(taxonomy.leaf_paths[:, h], return_index=True)
        shares = np.bincount(frozen.paths[:, h], minlength=len(classes)) / len(leaf)
        # The scatter is the product of this matrix's transpose with itself.
        deviations = svdvals(np.sqrt(shares)[:, None] * effect[first])
        smallest = max(floor, deviations[0] * max(len(classes), effect.shape[1]) * _PRECISION)
        deviations[deviations <= smallest] = 0
        eigenvalues = np.square(deviations)
        rank = int(np.count_nonzero(deviations))
        found.append(Scatter(eigenvalues, rank, effective_rank(eigenvalues), next(largest)))
    return tuple(found)


def _largest_ranks(frozen: Frozen) -> Iterator[int]:
    parents = 1
    for classes in frozen.paths.T:
        seen = _number(classes)
        yield min(seen - parents, frozen.features.shape[1])
        parents = seen


def _number(classes: IntArray) -> int:
    return len(np.unique(classes))


def _rounding(rows: npt.NDArray[np.floating]) -> float:
    """The size of differences that are rounding: float32's precision of the rows' typical length."""
    return _PRECISION * math.sqrt(float(np.square(rows.astype(np.float64)).sum(axis=1).mean()))
