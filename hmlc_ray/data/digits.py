"""scikit-learn's digits."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.datasets import load_digits

from hmlc_ray.config.data import DigitsConfig
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.splits import divide
from hmlc_ray.taxonomies.named import digit_taxonomy

_LARGEST_INTENSITY = 16


def load(config: DigitsConfig) -> DataSet:
    """1,797 real digits, uint8 [N, 1, 8, 8], the 16 grey levels spread over 0..255; stratified, seeded splits."""
    bunch = load_digits()
    images = np.rint(bunch.images * (255 / _LARGEST_INTENSITY)).astype(np.uint8)
    samples = Split(torch.from_numpy(images).unsqueeze(1), torch.from_numpy(bunch.target.astype(np.int64)))
    return divide(config, digit_taxonomy(str(config.own_taxonomy)), samples)
