"""A data set that is made, not read."""

from __future__ import annotations

import numpy as np
import torch

from hmlc_example.config import StripesConfig
from hmlc_ray.data import DataSet, Split
from hmlc_ray.data.splits import divide
from hmlc_ray.taxonomy import Taxonomy

WIDTHS = {"wide": 6, "medium": 4, "narrow": 2}


def load(config: StripesConfig) -> DataSet:
    """uint8 [N, 1, size, size], with splits that are drawn."""
    paths = [(direction, f"{direction} {name}") for direction in ("level", "upright") for name in WIDTHS]
    taxonomy = Taxonomy.from_paths(config.own_levels(), paths)
    random = np.random.default_rng(0)
    leaf = np.arange(len(paths)).repeat(config.per_class)
    images = np.stack([_image(config, number, random) for number in leaf])
    return divide(config, taxonomy, Split(torch.from_numpy(images), torch.from_numpy(leaf)))


def _image(config: StripesConfig, leaf: int, random: np.random.Generator) -> np.ndarray:
    upright, kind = divmod(leaf, len(WIDTHS))
    width = [*WIDTHS.values()][kind]
    wave = (np.arange(config.size) + random.integers(2 * width)) // width % 2
    image = np.broadcast_to(wave if upright else wave[:, None], (config.size, config.size))
    noisy = image + random.normal(0, config.noise, image.shape)
    return (noisy.clip(0, 1) * 255).astype(np.uint8)[None]
