"""Made solids as a data set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
import trimesh

from hmlc_ray.config.points import PrimitivesConfig
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.splits import divide
from hmlc_ray.meshes.cloud_cache import VERSION, Block, Shape, open_stored
from hmlc_ray.meshes.parallel import in_blocks
from hmlc_ray.meshes.primitives import PATHS, make_cloud, sizes
from hmlc_ray.taxonomy import Taxonomy


def load(config: PrimitivesConfig) -> DataSet:
    """Clouds as float32 [N, points, channels]; the same settings give the same points, and splits that are drawn.

    Raises:
        DataError: if the cache cannot be written; see also `divide`.
    """
    counts = sizes(config.per_class, config.imbalance, config.sample_seed)
    leaf = np.repeat(np.arange(len(PATHS)), counts)
    rows = [(int(kind), number) for kind, count in enumerate(counts) for number in range(count)]
    settings: dict[str, Any] = {
        "num_points": config.num_points,
        "normals": config.normals,
        "seed": config.sample_seed,
        "deformation": config.deformation,
        "noise": config.noise,
    }
    shape: Shape = (len(rows), config.num_points, 6 if config.normals else 3)
    # trimesh makes the solids, so that another version may make others.
    key = hashlib.sha256(json.dumps([VERSION, trimesh.__version__, PATHS, counts, settings]).encode()).hexdigest()[:32]
    stored = open_stored(key, shape, lambda: _blocks(rows, settings))
    samples = Split(torch.from_numpy(stored.clouds), torch.from_numpy(leaf), torch.arange(len(rows)), key, mapped=True)
    return divide(config, Taxonomy.from_paths(config.LEVELS, PATHS), samples)


def _blocks(rows: list[tuple[int, int]], settings: dict[str, Any]) -> Iterator[Block]:
    for _, clouds in in_blocks(partial(make_cloud, **settings), rows):
        yield Block(np.stack(clouds), {})
