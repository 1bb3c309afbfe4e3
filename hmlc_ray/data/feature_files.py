"""A table of features as files, in the form that `data.kind: features` reads."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import numpy as np

from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.feature_table import Features
from hmlc_ray.errors import DataError, system_reason
from hmlc_ray.files.atomic import staged
from hmlc_ray.folders.feature_places import LABELS_FILE, RESERVED, TABLE_FILES

TABLE_FILE = TABLE_FILES[0]


def check_free(folder: Path) -> None:
    """Check that a table can be written into a folder, which need not exist.

    Raises:
        DataError: if it is a file, or holds a table or labels.
    """
    if folder.exists() and not folder.is_dir():
        raise DataError(f"the table cannot be written to {str(folder)!r}: it is a file, and a folder is needed")
    there = [name for name in (*TABLE_FILES, LABELS_FILE) if (folder / name).exists()]
    if there:
        raise DataError(f"the table cannot be written to {str(folder)!r}, which holds {there[0]}: name another folder")


def write_table(folder: Path, features: Mapping[str, Features], data: DataSet, splits: Mapping[str, Split]) -> None:
    """Write `features.npy`, float32 [N, F], and `labels.csv`: row, path (where samples came from files), the classes
    from the leaf to the coarsest (empty for samples of no class), and the split.

    Args:
        features: per split, in the order of its samples.
        splits: the same splits; those of the open set are among them by names that `open_set_role` knows.

    Raises:
        DataError: see `check_free`; if the folder cannot be written.
    """
    check_free(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with staged(folder / LABELS_FILE) as part, part.open("w", newline="", encoding="utf-8") as file:
            _write_labels(file, data, splits)
        with staged(folder / TABLE_FILE) as part, part.open("wb") as binary:
            np.save(binary, np.concatenate([features[name] for name in splits]), allow_pickle=False)
    except OSError as error:
        raise DataError(f"the table cannot be written to {str(folder)!r}: {system_reason(error)}") from error


def _write_labels(file: TextIO, data: DataSet, splits: Mapping[str, Split]) -> None:
    writer, taxonomy = csv.writer(file), data.taxonomy
    with_paths = any(split.paths is not None for split in splits.values())
    levels = [f"{name}_class" if name.lower() in RESERVED else name for name in reversed(taxonomy.level_names)]
    writer.writerow(["row", *(["path"] if with_paths else []), *levels, "split"])
    named, row = taxonomy.named_paths(), 0
    for name, split in splits.items():
        inputs = range(len(split)) if split.rows is None else split.rows.tolist()
        for number, leaf in zip(inputs, split.leaf.tolist(), strict=True):
            path = [split.paths[number] if split.paths else ""] if with_paths else []
            classes = reversed(named[leaf]) if leaf >= 0 else [""] * len(levels)
            writer.writerow([row, *path, *classes, name])
            row += 1
