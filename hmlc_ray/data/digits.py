"""scikit-learn's digits, and the two taxonomies of ten digits that MNIST shares."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_digits

from hmlc_ray.config.data import DigitsConfig
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.splits import divide
from hmlc_ray.taxonomy import Taxonomy

_LARGEST_INTENSITY = 16


def digit_taxonomy(name: str) -> Taxonomy:
    """Two levels over the digits 0..9 (leaf l is digit l): `parity` (even, odd) or `magnitude` (below 5, 5 or more)."""
    if name == "parity":
        return Taxonomy.from_paths(("parity", "digit"), [(("even", "odd")[d % 2], str(d)) for d in range(10)])
    return Taxonomy.from_paths(("magnitude", "digit"), [("low" if d < 5 else "high", str(d)) for d in range(10)])


def load(config: DigitsConfig) -> DataSet:
    """1,797 real digits, uint8 [N, 1, 8, 8], the 16 grey levels spread over 0..255; stratified, seeded splits."""
    bunch = load_digits()
    images = np.rint(bunch.images * (255 / _LARGEST_INTENSITY)).astype(np.uint8)
    samples = Split(torch.from_numpy(images).unsqueeze(1), torch.from_numpy(bunch.target.astype(np.int64)))
    return divide(config, digit_taxonomy(config.taxonomy), samples)
