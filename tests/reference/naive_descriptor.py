"""The nested analysis of variance, sample by sample, in float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def naive_variances(rows: FloatArray, paths: npt.NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Between-class variances [H, D] and the variance within leaves [D] of rows [N, D] with paths [N, H]."""
    num_samples, num_levels = paths.shape
    between = np.zeros((num_levels, rows.shape[1]))
    within = np.zeros(rows.shape[1])
    for i in range(num_samples):
        outer = rows.mean(axis=0)
        for h in range(num_levels):
            inner = np.mean([rows[j] for j in range(num_samples) if paths[j, h] == paths[i, h]], axis=0)
            between[h] += (inner - outer) ** 2 / num_samples
            outer = inner
        within += (rows[i] - outer) ** 2 / num_samples
    return between, within
