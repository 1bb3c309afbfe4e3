"""A folder of labelled images."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np

from hmlc_ray.config.data import ImageFolderConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.data.splits import divide
from hmlc_ray.data.stored import Listing, read_splits
from hmlc_ray.taxonomy import Taxonomy


def load(config: ImageFolderConfig) -> DataSet:
    """Images as uint8 [N, channels, image_size, image_size], leaves in the order of their folders.

    Splits that the folder gives (`train`, `val`, `test`) are kept; the others are drawn from `train`.

    Raises:
        DataError: see `scan_folder`; if an image cannot be read and `on_bad_file` is `error`; if too few are left.
        TaxonomyError: see `scan_folder`.
        ConfigError: if `level_names` does not hold one name per level.
    """
    tree = config.tree()
    taxonomy = Taxonomy.from_paths(config.level_names or tree.level_names, tree.leaf_paths)
    listings = {name: _listing(files) for name, files in tree.files.items()}
    splits = read_splits(listings, config, Path(config.root).expanduser().absolute(), config.channels)
    return divide(config, taxonomy, splits["train"], splits.get("val"), splits.get("test"), notes=tree.notes)


def _listing(files: Sequence[Sequence[Path]]) -> Listing:
    leaf = np.repeat(np.arange(len(files)), [len(leaf_files) for leaf_files in files])
    return Listing(list(chain.from_iterable(files)), leaf)
