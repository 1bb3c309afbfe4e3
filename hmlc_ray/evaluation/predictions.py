"""What the probes say of every sample. Probabilities of all classes exist for a block of samples at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hmlc_ray.arrays import FloatArray, IntArray
from hmlc_ray.evaluation.decoding import DECODINGS
from hmlc_ray.evaluation.probe import Probe
from hmlc_ray.taxonomy import Taxonomy

MOST_NUMBERS = 1 << 23
"""Probabilities of one level alive at once: 64 MB."""
_FEW = 1000
"""Leaves up to which all are ranked; of more, only the likeliest are sorted."""


@dataclass(frozen=True)
class Predictions:
    """Predictions for n samples."""

    paths: dict[str, IntArray]
    """Predicted classes by decoding, int64 [n, H]; `argmax` holds the predictions of each level's probe."""
    ranked: IntArray
    """The likeliest leaves, likeliest first, int64 [n, k]."""
    confidence: FloatArray
    """The largest probability of each level, float64 [n, H]."""

    @property
    def own(self) -> IntArray:
        """The class that each level's probe says, int64 [n, H]."""
        return self.paths["argmax"]


def predict(
    taxonomy: Taxonomy,
    probes: Sequence[Probe],
    inputs: FloatArray,
    *,
    ranks: int,
    decodings: Sequence[str] = ("argmax",),
) -> Predictions:
    """Predictions for standardised features [n, F].

    Args:
        probes: one per level.
        ranks: k, capped at the number of leaves.
        decodings: names of `DECODINGS`.
    """
    paths: dict[str, list[IntArray]] = {name: [] for name in decodings}
    ranked: list[IntArray] = []
    confidence: list[FloatArray] = []
    for rows in blocks(len(inputs), max(taxonomy.num_classes)):
        probabilities = [probe.probabilities(inputs[rows]) for probe in probes]
        for name, found in paths.items():
            found.append(DECODINGS[name](taxonomy, probabilities))
        ranked.append(_likeliest(probabilities[-1], ranks))
        confidence.append(np.stack([level.max(axis=1) for level in probabilities], axis=1))
    by_decoding = {name: np.concatenate(found) for name, found in paths.items()}
    return Predictions(by_decoding, np.concatenate(ranked), np.concatenate(confidence))


def blocks(rows: int, classes: int) -> Iterator[slice]:
    """Slices of rows that bound a matrix of numbers per row and class."""
    size = max(1, MOST_NUMBERS // classes)
    return (slice(start, start + size) for start in range(0, rows, size))


def _likeliest(probabilities: FloatArray, k: int) -> IntArray:
    """int64 [n, k]; of equals the first."""
    leaves = probabilities.shape[1]
    if leaves <= max(_FEW, k):
        return np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    among = np.sort(np.argpartition(-probabilities, k, axis=1)[:, :k], axis=1)
    order = np.argsort(-np.take_along_axis(probabilities, among, axis=1), axis=1, kind="stable")
    return np.take_along_axis(among, order, axis=1)
