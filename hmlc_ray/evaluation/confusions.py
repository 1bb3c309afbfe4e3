"""Confusion matrices: dense where they are small, else only what occurs, which is no more than the samples judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from hmlc_ray.arrays import IntArray

MOST_DENSE = 1000
"""Classes up to which a matrix is dense."""


@dataclass(frozen=True)
class SparseCounts:
    """The entries of a matrix that are not zero, sorted by true and predicted class: int64 [K] each."""

    true: IntArray
    predicted: IntArray
    count: IntArray
    num_classes: int


Matrix: TypeAlias = IntArray | SparseCounts
"""int64 [C_h, C_h]: rows are true classes, columns the probe's; sparse above `MOST_DENSE` classes."""


def confusion_matrix(true: IntArray, predicted: IntArray, num_classes: int) -> Matrix:
    """Counts of classes [n] taken for classes [n]."""
    cells = true * num_classes + predicted
    if num_classes <= MOST_DENSE:
        return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)
    found, count = np.unique(cells, return_counts=True)
    return SparseCounts(found // num_classes, found % num_classes, count.astype(np.int64), num_classes)


def entries(matrix: Matrix) -> tuple[IntArray, IntArray, IntArray]:
    """True class, predicted class and count of all that occurs, int64 [K] each, sorted by the two classes."""
    if isinstance(matrix, SparseCounts):
        return matrix.true, matrix.predicted, matrix.count
    true, predicted = np.nonzero(matrix)
    return true, predicted, matrix[true, predicted]


def to_tensor(matrix: Matrix) -> Tensor:
    """The matrix for a checkpoint, dense or sparse as it is."""
    if not isinstance(matrix, SparseCounts):
        return torch.from_numpy(matrix)
    where, count = np.stack([matrix.true, matrix.predicted]), torch.from_numpy(matrix.count)
    return torch.sparse_coo_tensor(torch.from_numpy(where), count, (matrix.num_classes,) * 2, check_invariants=True)


def from_tensor(tensor: Tensor) -> Matrix:
    """The matrix of a checkpoint; older ones hold dense matrices of any size."""
    if not tensor.is_sparse and len(tensor) <= MOST_DENSE:
        dense: IntArray = tensor.numpy()
        return dense
    coordinates = tensor if tensor.is_sparse else tensor.to_sparse()
    coordinates = coordinates.coalesce()
    true, predicted = coordinates.indices().numpy()
    return SparseCounts(true, predicted, coordinates.values().numpy(), len(tensor))
