"""The numbers of a table of features, and labels in the same file: NPY, NPZ and Parquet, whose contents nobody vouches
for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

from hmlc_ray.errors import DataError, first_line, system_reason
from hmlc_ray.files.arrays import Array, BadArray, map_npy, read_npz
from hmlc_ray.folders.feature_labels import FeatureLabels, LabelRow, collect, columns_of
from hmlc_ray.folders.feature_places import Places, TableParts, features_name, table_parts

Features = npt.NDArray[np.float32]
_BLOCK = 8192
_SHARE = 0.8
"""Share of the available memory for a table that has to be converted."""


def read_features(table: Path, array: str | None, levels: Sequence[str] | None) -> Features:
    """The features, float32 [N, D]; of an NPY file of float32 the file itself, mapped copy-on-write.

    Args:
        levels: the columns that are levels by the configuration, and no features.

    Raises:
        DataError: if the file is none of these, is damaged, does not hold a table of numbers, or is too large.
    """
    try:
        if table.suffix.lower() == ".npy":
            found: Array = map_npy(table)
        elif table.suffix.lower() == ".npz":
            found = _of_npz(table, array)
        else:
            found = _of_parquet(table, array, levels)
    except (BadArray, OSError) as error:
        reason = str(error) if isinstance(error, BadArray) else system_reason(error)
        raise DataError(f"cannot read the table of features {str(table)!r}: {reason}") from error
    if found.ndim != 2 or not found.shape[1]:
        raise DataError(f"the table of features {str(table)!r} has the shape {list(found.shape)}, not [rows, features]")
    if found.dtype == np.float32 and found.flags.c_contiguous and found.flags.writeable:
        return found
    return _converted(found, table)


def read_own_labels(places: Places, array: str | None, levels: Sequence[str] | None) -> FeatureLabels:
    """The labels that an NPZ or Parquet file holds beside its features.

    Raises:
        DataError, TaxonomyError: see `columns_of` and `collect`; if an array is not as long as the others.
    """
    table = places.table
    parts = table_parts(table)
    features = features_name(parts, array, table)
    names = parts.label_names(features, levels)
    columns = columns_of(names, levels, table)
    wanted = {index for _, index in columns.levels} | {columns.row, columns.path, columns.split}
    read = _texts_of_npz if table.suffix.lower() == ".npz" else _texts_of_parquet
    try:
        texts = {index: read(table, names[index]) for index in sorted(index for index in wanted if index is not None)}
    except (BadArray, OSError, UnicodeError) as error:
        reason = str(error) if isinstance(error, BadArray) else system_reason(error)
        raise DataError(f"cannot read the labels in {str(table)!r}: {reason}") from error
    lengths = {names[index]: len(column) for index, column in texts.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise DataError(f"the labels in {str(table)!r} differ in length: {shown}")
    found = collect(_rows(texts, len(names), table), columns, table)
    found.unused = [] if features is None else parts.numbers(levels)
    return found


def _rows(texts: dict[int, list[str]], width: int, table: Path) -> Iterator[LabelRow]:
    for number in range(len(next(iter(texts.values())))):
        cells = [texts[index][number] if index in texts else "" for index in range(width)]
        yield LabelRow(f"row {number} of {str(table)!r}", cells)


def _limit() -> int:
    return int(_SHARE * psutil.virtual_memory().available)


def _of_npz(table: Path, array: str | None) -> Array:
    parts = table_parts(table)
    name = features_name(parts, array, table)
    assert name is not None, "an NPZ file has arrays alone"
    return read_npz(table, name, limit=_limit())


def _texts_of_npz(table: Path, name: str) -> list[str]:
    values = read_npz(table, name, limit=_limit(), text=True)
    if values.ndim != 1:
        raise BadArray(f"the array {name!r} has the shape {list(values.shape)}, not one text for each row")
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    return [value.strip() for value in values.astype(str).tolist()]


def _of_parquet(table: Path, array: str | None, levels: Sequence[str] | None) -> Array:
    parts = table_parts(table)
    name = features_name(parts, array, table)
    limit, blocks, size = _limit(), [], 0
    with _parquet():
        for batch in _batches(table, parts.numbers(levels) if name is None else [name]):
            block = _wide(batch) if name is None else _listed(batch.column(0), name)
            size += block.nbytes
            if size > limit // 2:  # which joining them takes once more
                raise BadArray(f"it unpacks to more than {limit // 2:,} bytes, and there is no memory for more")
            blocks.append(block)
    if len({block.shape[1] for block in blocks}) > 1:
        raise BadArray(f"the lists in the column {name!r} differ in length")
    return np.concatenate(blocks) if blocks else np.zeros((0, 0), np.float32)


@contextmanager
def _parquet() -> Iterator[None]:
    """A parser meets arbitrary bytes here, and can fail in many ways, some of them late."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # what becomes infinite is found later
            yield
    except (BadArray, OSError, MemoryError):
        raise
    except Exception as error:
        raise BadArray(f"it cannot be read as Parquet: {first_line(error)[:200]}") from error


def _batches(table: Path, columns: list[str]) -> Iterator[Any]:
    from pyarrow import parquet

    with parquet.ParquetFile(table, memory_map=True) as file:
        yield from file.iter_batches(_BLOCK, columns=columns, use_threads=False)


def _wide(batch: Any) -> Features:
    columns = [column.to_numpy(zero_copy_only=False).astype(np.float32) for column in batch.columns]
    return np.stack(columns, axis=1)


def _listed(column: Any, name: str) -> Features:
    from pyarrow import compute, types

    lengths = compute.list_value_length(column).to_numpy(zero_copy_only=False)
    if column.null_count or len(np.unique(lengths)) > 1:
        raise BadArray(f"the lists in the column {name!r} are missing in some rows, or differ in length")
    values = column.flatten()
    if not (types.is_floating(values.type) or types.is_integer(values.type)):
        raise BadArray(f"the lists in the column {name!r} hold {values.type}, not numbers")
    numbers = values.to_numpy(zero_copy_only=False).astype(np.float32)
    return numbers.reshape(len(column), -1) if len(column) else np.zeros((0, 0), np.float32)


def _texts_of_parquet(table: Path, name: str) -> list[str]:
    texts: list[str] = []
    with _parquet():
        for batch in _batches(table, [name]):
            texts += [_text(value, name) for value in batch.column(0).to_pylist()]
    return texts


def _text(value: Any, name: str) -> str:
    if value is None or value != value:
        return ""
    if isinstance(value, float):
        if not value.is_integer():
            raise BadArray(f"the column {name!r} holds {value}, and classes are texts or whole numbers")
        value = int(value)
    return str(value).strip()


def _converted(found: Array, table: Path) -> Features:
    """float32, a block of rows at a time, so that no second copy of another type is made."""
    size = found.shape[0] * found.shape[1] * 4
    if size > _limit():
        raise DataError(
            f"the table of features {str(table)!r} takes {size:,} bytes as float32, more than there is memory for; "
            "saved as a .npy file of float32 it is not copied"
        )
    result = np.empty(found.shape, np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # what becomes infinite is found later
        for start in range(0, len(found), _BLOCK):
            result[start : start + _BLOCK] = found[start : start + _BLOCK]
    return result


__all__ = ["Features", "TableParts", "read_features", "read_own_labels"]
