"""A folder that `save_to_disk` of Hugging Face `datasets` wrote: its splits, opened as tables of Arrow.

Nothing is decoded, unpickled, copied or fetched, and torch is not imported; `datasets` is, when a split is opened.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hmlc_ray.errors import DataError, first_line
from hmlc_ray.files.json_text import parse_json
from hmlc_ray.folders.split_names import SPLIT_NAMES, Role, split_role
from hmlc_ray.folders.walk import check_folder, is_file
from hmlc_ray.machine.extras import cannot_import

KIND = "hf-dataset"
DICT_FILE, STATE_FILE, INFO_FILE = "dataset_dict.json", "state.json", "dataset_info.json"
_FOLDER_NAME = r"\w[\w.\-+ ]*"
_MOST_BYTES = 1 << 20
_MOST_SHOWN = 200


@dataclass(frozen=True)
class HfSplit:
    """A split, or the whole of a data set that was saved without splits."""

    name: str
    """As the data set calls it."""
    root: Path
    """The folder of the data set."""
    folder: Path
    """The folder of the split."""
    features: Mapping[str, Any]
    """The type of each column, as `datasets` has it."""
    table: Any
    """`datasets.table.Table`, mapped into memory."""
    files: tuple[Path, ...]
    """The files of Arrow."""

    def __str__(self) -> str:
        return f"the split {self.name!r} of {str(self.root)!r}"

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def column(self, name: str) -> Any:
        """The values of a column, `pyarrow.ChunkedArray`, whose lengths and texts were compared with what is there:
        Arrow itself follows whatever a damaged file says, out of the file's memory too.

        Raises:
            DataError: if they do not agree.
        """
        values = self.table.column(name)
        try:
            values.validate(full=True)
        except ValueError as error:  # as pyarrow's own are
            raise DataError(
                f"the column {name!r} of {self} is damaged ({first_line(error)[:_MOST_SHOWN]}): save it again"
            ) from error
        return values


def is_saved(folder: Path) -> bool:
    """Whether `save_to_disk` wrote the folder, as far as the names in it show."""
    return is_file(folder / DICT_FILE) or (is_file(folder / STATE_FILE) and is_file(folder / INFO_FILE))


def open_splits(root: Path, splits: Literal["auto"] | Mapping[Role, str]) -> dict[Role, HfSplit]:
    """The splits by the roles that their names mean, or that are given.

    Args:
        root: absolute.
        splits: the data set's own names of train and, where given, val and test; `auto`: found by their names.

    Raises:
        DataError: if it is not such a folder, a split is missing, empty, damaged or of no known role, or one of its
            files lies elsewhere.
        ConfigError: if `datasets` is not installed.
    """
    names = _split_names(root)
    if names is None:
        if splits != "auto":
            raise DataError(f"data.splits names splits, but {str(root)!r} was saved without any: leave it out")
        return {"train": open_split(root, root, "train")}
    roles = _by_their_names(root, names) if splits == "auto" else _given(root, names, splits)
    return {role: open_split(root, root / roles[role], roles[role]) for role in SPLIT_NAMES if role in roles}


def open_split(root: Path, folder: Path, name: str) -> HfSplit:
    """One split.

    Raises:
        DataError: if it is missing, empty or damaged, or one of its files lies outside of the root.
        ConfigError: if `datasets` is not installed.
    """
    try:
        import datasets
    except ImportError as error:
        raise cannot_import(f"data.kind {KIND}", "datasets", error) from error
    try:
        with _without_bars(datasets):
            loaded = datasets.Dataset.load_from_disk(str(folder), keep_in_memory=False)
    except Exception as error:  # readers of JSON and Arrow meet arbitrary bytes here, and fail in as many ways
        if _holds_no_file(folder):
            raise _is_empty(name, root) from error
        reason = f"{type(error).__name__}: {first_line(error)[:_MOST_SHOWN]}"
        raise DataError(
            f"cannot read the split {name!r} of {str(root)!r} ({reason}): it is damaged or not complete, save it again"
        ) from error
    files = tuple(Path(file["filename"]) for file in loaded.cache_files)
    found = HfSplit(name, root, folder, loaded.features, loaded.data, files)
    for file in files:
        if not os.path.realpath(file).startswith(os.path.join(os.path.realpath(root), "")):
            raise DataError(f"the file {str(file)!r} of {found} lies outside of that folder")
    if not len(found):
        raise _is_empty(name, root)
    return found


def _holds_no_file(folder: Path) -> bool:
    """Whether a split was saved without a row, which `datasets` does not read."""
    try:
        with (folder / STATE_FILE).open("rb") as stream:
            return bool(json.loads(stream.read(_MOST_BYTES))["_data_files"] == [])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return False


def _is_empty(name: str, root: Path) -> DataError:
    return DataError(f"the split {name!r} of {str(root)!r} is empty; data.splits names the splits to use instead")


def _split_names(root: Path) -> list[str] | None:
    """The data set's own names; None where it was saved without splits."""
    if "::" in str(root) or "://" in str(root):
        raise DataError(f"data.root must be a folder on this machine without '::' in its name, got {str(root)!r}")
    check_folder(root, "data.root")
    if not is_saved(root):
        raise DataError(
            f"{str(root)!r} is not a folder that save_to_disk of Hugging Face datasets wrote: it holds neither "
            f"{DICT_FILE} nor {STATE_FILE} with {INFO_FILE}; load_dataset(...).save_to_disk(FOLDER) makes one of what "
            "comes from the Hub"
        )
    file = root / DICT_FILE
    if not is_file(file):
        return None
    try:
        with file.open("rb") as stream:
            names = parse_json(stream.read(_MOST_BYTES).decode())["splits"]
        if not names or not all(re.fullmatch(_FOLDER_NAME, name) for name in names):
            raise ValueError("it must list splits by the names of their folders")
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise DataError(f"cannot read {str(file)!r}: {first_line(error)}") from error
    return list(dict.fromkeys(names))


def _by_their_names(root: Path, names: list[str]) -> dict[Role, str]:
    roles = {name: split_role(name) for name in names}
    counts = Counter(roles.values())
    remedy = "data.splits names those to use, as {train: NAME, val: NAME, test: NAME}"
    for name, role in roles.items():
        if role is None or counts[role] > 1:
            alike = [other for other in names if roles[other] == role]
            what = "means neither train, validation nor test" if role is None else f"is one of {len(alike)} for {role}"
            raise DataError(f"the split {name!r} of {str(root)!r} {what} by its name: {remedy}")
    if "train" not in counts:
        raise DataError(f"no split of {str(root)!r} means train by its name, it has {listed(names)}: {remedy}")
    return {role: name for name, role in roles.items() if role is not None}


def _given(root: Path, names: list[str], splits: Mapping[Role, str]) -> dict[Role, str]:
    for role, name in splits.items():
        if name not in names:
            raise DataError(f"data.splits.{role} is {name!r}, but the splits of {str(root)!r} are {listed(names)}")
    return dict(splits)


def listed(names: Iterable[str]) -> str:
    """Names in quotation marks, as an error lists them."""
    return ", ".join(map(repr, names))


@contextmanager
def _without_bars(datasets: Any) -> Iterator[None]:
    """Progress bars, which opening many files shows, are neither shown nor turned off for the rest of the process."""
    shown = not datasets.utils.are_progress_bars_disabled()
    if shown:
        datasets.utils.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.utils.enable_progress_bars()
