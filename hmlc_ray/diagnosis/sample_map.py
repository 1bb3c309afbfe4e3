"""A map of samples: their features in two dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.preprocessing import normalize
from threadpoolctl import threadpool_limits

from hmlc_ray.arrays import FloatArray, IntArray
from hmlc_ray.data.splits import stratified_subset
from hmlc_ray.evaluation.figures import Frozen
from hmlc_ray.machine.activity import doing
from hmlc_ray.names.counts import many

MAX_SAMPLES = 2_000
"""Samples on a map; of more, a stratified subset."""
COMPONENTS = 50
"""Principal components that t-SNE is given at most."""
PERPLEXITY = 30.0
_FEWEST = 5
"""Samples that t-SNE needs to show more than PCA does."""
_FLAT = 1e-6
"""Deviation along an axis, of features of length 1, below which it is rounding."""


@dataclass(frozen=True, eq=False)
class SampleMap:
    """Samples of a split as points."""

    rows: IntArray
    """Which samples of the split, int64 [n]."""
    points: FloatArray
    """float64 [n, 2]."""
    paths: IntArray
    """Their classes, int64 [n, H]."""
    method: Literal["t-sne", "pca"]
    """`pca` where there are too few samples, or too few dimensions in which they differ."""


def sample_map(frozen: Frozen, seed: int) -> SampleMap:
    """Map features [N, F], scaled to unit length: their principal components, then t-SNE. The same seed and features
    give the same map."""
    rows = stratified_subset(frozen.paths[:, -1], MAX_SAMPLES, (seed,))
    doing(f"making a map of {many(len(rows), 'sample')}")
    # Threads add partial sums in the order in which they finish: one thread, one map.
    with threadpool_limits(limits=1):
        points, method = _points(normalize(frozen.features[rows].astype(np.float64)), seed)
    return SampleMap(rows, points, frozen.paths[rows], method)


def _points(unit: FloatArray, seed: int) -> tuple[FloatArray, Literal["t-sne", "pca"]]:
    components = _principal(unit, seed)
    if len(unit) < _FEWEST or components.shape[1] < 2:
        flat = np.zeros((len(unit), 2))
        flat[:, : components.shape[1]] = components[:, :2]
        return flat, "pca"
    perplexity = min(PERPLEXITY, (len(unit) - 1) / 3)
    model = TSNE(2, perplexity=perplexity, init=components[:, :2] / components[:, 0].std() * 1e-4, random_state=seed)
    return model.fit_transform(components).astype(np.float64), "t-sne"


def _principal(unit: FloatArray, seed: int) -> FloatArray:
    """The components along which the samples differ, at most `COMPONENTS`, float64 [n, k]."""
    model = PCA(min(COMPONENTS, *unit.shape), random_state=seed)
    with np.errstate(invalid="ignore", divide="ignore"):  # the explained share of a variance of 0
        components: FloatArray = model.fit_transform(unit)
    return components[:, components.std(axis=0) > _FLAT]
