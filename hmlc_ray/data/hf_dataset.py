"""Images in a column of a Hugging Face data set on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hmlc_ray.config.data import HfDatasetConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.data.embedded import EmbeddedImage, ImageColumn
from hmlc_ray.data.splits import divide
from hmlc_ray.data.stored import Listing, read_splits
from hmlc_ray.taxonomy import Taxonomy


def load(config: HfDatasetConfig) -> DataSet:
    """Images as uint8 [N, channels, image_size, image_size]; splits that the folder does not give are drawn from train.

    Raises:
        DataError: see `read_rows`; if an image cannot be read and `on_bad_file` is `error`; if too few are left.
        TaxonomyError: see `read_rows`.
        ConfigError: if `datasets` is not installed.
    """
    rows = config.rows()
    taxonomy = Taxonomy.from_paths(config.own_levels(), rows.leaf_paths)
    numbers = {path: leaf for leaf, path in enumerate(rows.leaf_paths)}
    listings: dict[str, Listing] = {}
    for role, split in rows.splits.items():
        column = ImageColumn(split, config.image)
        leaf = np.array([numbers[path] for path in rows.classes[role]], dtype=np.int64)
        listings[role] = Listing([EmbeddedImage(column, row) for row in range(len(split))], leaf)
    splits = read_splits(listings, config, Path(config.root).expanduser().absolute(), config.channels)
    return divide(config, taxonomy, splits["train"], splits.get("val"), splits.get("test"))
