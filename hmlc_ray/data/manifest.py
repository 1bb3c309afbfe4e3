"""Images that a CSV file lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hmlc_ray.config.data import ManifestConfig
from hmlc_ray.data.base import DataSet
from hmlc_ray.data.splits import divide
from hmlc_ray.data.stored import Listing, read_splits
from hmlc_ray.folders.manifest import Sample, check_several, read_manifest
from hmlc_ray.taxonomy import Taxonomy


def load(config: ManifestConfig) -> DataSet:
    """Images as uint8 [N, channels, image_size, image_size]; splits that the file does not give are drawn from train.

    Raises:
        DataError: see `read_manifest`; if an image cannot be read and `on_bad_file` is `error`; if too few are left.
        TaxonomyError: see `read_manifest` and `check_several`.
    """
    manifest = read_manifest(config.file, config.root)
    check_several(manifest, config.file)
    taxonomy = Taxonomy.from_paths(manifest.level_names, manifest.leaf_paths)
    numbers = {path: leaf for leaf, path in enumerate(manifest.leaf_paths)}
    listings = {name: _listing(samples, numbers) for name, samples in manifest.samples.items()}
    root = Path(config.root or Path(config.file).expanduser().parent).expanduser().absolute()
    splits = read_splits(listings, config, root, config.channels)
    return divide(config, taxonomy, splits["train"], splits.get("val"), splits.get("test"))


def _listing(samples: list[Sample], numbers: dict[tuple[str, ...], int]) -> Listing:
    leaf = np.array([numbers[sample.path] for sample in samples], dtype=np.int64)
    return Listing([sample.file for sample in samples], leaf)
