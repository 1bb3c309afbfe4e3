"""Tables of features that another model made, as a data set."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from hmlc_ray.config.features import FeaturesConfig
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.data.column_statistics import column_statistics
from hmlc_ray.data.feature_table import Features, read_features, read_own_labels
from hmlc_ray.data.splits import divide
from hmlc_ray.errors import DataError
from hmlc_ray.folders.feature_labels import FeatureLabels, read_labels
from hmlc_ray.folders.feature_places import Places, find_places
from hmlc_ray.names.counts import are, many
from hmlc_ray.taxonomy import Taxonomy

_LOG = logging.getLogger(__name__)
_BLOCK = 8192


def load(config: FeaturesConfig) -> DataSet:
    """Rows as float32 [N, D], as they are in the table; splits that the labels do not give are drawn from train.

    Rows of no class become the open set. Rows of other splits, and rows that no label names, are left out, which
    becomes a note.

    Raises:
        DataError: see `find_places`, `read_features`, `read_labels` and `divide`; if labels and table do not fit, or a
            row holds numbers that are not finite and `on_bad_row` is `error`.
        TaxonomyError: if a class has two parents, or there is one class only.
    """
    places = find_places(config.file, config.labels)
    labels = (
        read_labels(places, config.levels) if places.labels else read_own_labels(places, config.array, config.levels)
    )
    table = read_features(places.table, config.array, config.levels)
    _check_rows(labels, len(table), places)
    digest, bad = _looked_through(table)
    _refuse(config, labels, bad, places)
    taxonomy = Taxonomy.from_paths(labels.level_names, labels.leaf_paths)
    leaf_of = {path: leaf for leaf, path in enumerate(labels.leaf_paths)}
    paths = tuple(labels.paths.get(row, "") for row in range(len(table))) if labels.paths else None
    whole = Split(
        torch.from_numpy(table), torch.empty(0), None, digest, mapped=isinstance(table, np.memmap), paths=paths
    )

    def part(rows: list[int], leaf: list[int]) -> Split:
        """The rows that are finite."""
        index, leaves = (torch.tensor(values, dtype=torch.int64)[~bad[rows]] for values in (rows, leaf))
        return replace(whole, leaf=leaves, rows=index)

    splits = {name: part(rows, [leaf_of[path] for path in labels.classes[name]]) for name, rows in labels.rows.items()}
    outside = {name: part(rows, [-1] * len(rows)) for name, rows in labels.open_set_rows.items()}
    notes = (*labels.notes(), *_unlisted(labels, len(table)), *_not_finite(labels, bad))
    data = divide(config, taxonomy, splits["train"], splits.get("val"), splits.get("test"), notes=notes)
    open_set = {name: split for name, split in outside.items() if len(split)}
    return replace(data, notes=(*data.notes, *_constant_columns(data.train, places)), open_set=open_set)


def _constant_columns(train: Split, places: Places) -> list[str]:
    constant = column_statistics(train).constant
    count = int(constant.sum())
    if count == len(constant):
        raise DataError(f"all rows of train in {str(places.table)!r} are the same")
    which = constant.nonzero().flatten().tolist()
    shown = ", ".join(map(str, which[:3])) + (", ..." if count > 3 else "")
    if not count:
        return []
    vary = are(count, "varies", "vary")
    return [
        f"{count} of {many(len(constant), 'column')} hardly {vary} in train ({shown}) and {are(count)} not scaled up"
    ]


def _check_rows(labels: FeatureLabels, count: int, places: Places) -> None:
    listed = labels.listed
    largest = max(max(rows) for rows in listed)
    if largest >= count:
        raise DataError(
            f"{str(places.labels or places.table)!r} has a label for row {largest}, but the table "
            f"{str(places.table)!r} has {many(count, 'row')}, from 0 on"
        )
    if not labels.numbered and sum(map(len, listed)) != count:
        raise DataError(
            f"{str(places.labels or places.table)!r} has {sum(map(len, listed))} labels, but the table "
            f"{str(places.table)!r} has {many(count, 'row')}; a column row says which row each label is of"
        )


def _unlisted(labels: FeatureLabels, count: int) -> list[str]:
    rest = count - sum(map(len, labels.listed))
    if not rest:
        return []
    return [
        f"{rest:,} of {many(count, 'row')} of the table {are(rest, 'has', 'have')} no label and {are(rest)} left out"
    ]


def _not_finite(labels: FeatureLabels, bad: npt.NDArray[np.bool_]) -> list[str]:
    """Rows of the open set are left out whatever `on_bad_row` says: nothing is trained on them."""
    count = sum(int(bad[rows].sum()) for rows in labels.open_set.values())
    if not count:
        return []
    hold = are(count, "holds", "hold")
    return [f"{many(count, 'row')} of no class {hold} numbers that are not finite and {are(count)} left out"]


def _looked_through(table: Features) -> tuple[str, npt.NDArray[np.bool_]]:
    """A hash of the numbers and a mask of the rows with one that is not finite, in one pass over the table."""
    digest = hashlib.sha256(f"features {table.shape}".encode())
    bad = np.zeros(len(table), dtype=np.bool_)
    for start in range(0, len(table), _BLOCK):
        block = np.ascontiguousarray(table[start : start + _BLOCK])
        digest.update(block.data)
        bad[start : start + _BLOCK] = ~np.isfinite(block).all(axis=1)
    return digest.hexdigest(), bad


def _refuse(config: FeaturesConfig, labels: FeatureLabels, bad: npt.NDArray[np.bool_], places: Places) -> None:
    wrong = sorted(row for rows in labels.rows.values() for row in rows if bad[row])
    if not wrong:
        return
    if config.on_bad_row == "error":
        others = f", one of {many(len(wrong), 'such row')}" if len(wrong) > 1 else ""
        raise DataError(
            f"row {wrong[0]} of {str(places.table)!r} holds a number that is not finite, or too large for float32"
            f"{others}: correct them, or set data.on_bad_row: skip"
        )
    total = sum(map(len, labels.rows.values()))
    _LOG.warning("%d of %d rows were skipped, since they hold numbers that are not finite", len(wrong), total)
