"""A small folder of images whose classes look alike in planted pairs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from hmlc_ray.config.trial import TrialConfig

LEAVES = ("ash", "birch", "cod", "dace", "emu", "finch")
PAIRS = [0, 0, 1, 1, 2, 2]
"""The planted pair of each leaf."""


def make_pairs(root: Path, count: int = 10) -> Path:
    """Per leaf `count` images of 8x8 pixels: a pattern of the pair, a weaker one of the leaf, and noise."""
    rng = np.random.default_rng(0)
    patterns = rng.uniform(60, 190, (3, 8, 8, 3))
    for leaf, pair in zip(LEAVES, PAIRS, strict=True):
        own = patterns[pair] + rng.normal(scale=12, size=(8, 8, 3))
        folder = root / leaf
        folder.mkdir(parents=True)
        for i in range(count):
            pixels = (own + rng.normal(scale=6, size=own.shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}.png")
    return root


def trial(root: Path, taxonomy: object = None, **data: object) -> TrialConfig:
    """A run of one epoch on these images."""
    return TrialConfig.model_validate(
        {
            "data": {"kind": "image-folder", "root": str(root), "image_size": 8, "taxonomy": taxonomy, **data},
            "encoder": {"kind": "mlp", "hidden_dim": 32, "feature_dim": 16},
            "head": {"hidden_dim": 8, "embedding_dim": 8},
            "objective": {"kind": "sum-supcon"},
            "training": {"epochs": 1, "global_batch_size": 16, "device": "cpu", "cpu_threads": 1},
            "evaluation": {"every": 1, "probe_regularisation": [0.1]},
        }
    )
