"""A data set in a word: for tags, and for the experiment of its studies and runs."""

from __future__ import annotations

import re
from pathlib import Path

from hmlc_ray.config.data import DataConfig
from hmlc_ray.config.marks import OnDisk, marked
from hmlc_ray.names.studies import MAX_LENGTH


def data_name(config: DataConfig) -> str:
    """The kind of a data set whose levels are fixed, else the name of its folder or file, as a study may be called;
    the kind where that leaves nothing.

    `image-folder` in `data/My Fruit` is `my-fruit`; `mnist` is `mnist`, wherever it is.
    """
    if not config.LEVELS:
        for _, path, _ in marked(config, OnDisk):
            if path is not None:
                return _slug(Path(path).expanduser().absolute()) or config.kind
    return config.kind


def _slug(path: Path) -> str:
    name = path.stem if path.suffix.lower() in (".csv", ".npz", ".npy", ".parquet", ".pt") else path.name
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:MAX_LENGTH]
