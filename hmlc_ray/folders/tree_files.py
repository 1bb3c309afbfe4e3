"""Label trees in JSON files, as plain values. Imports neither torch nor numpy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hmlc_ray.errors import DataError, TaxonomyError, system_reason
from hmlc_ray.files.json_text import NotJson, parse_json
from hmlc_ray.folders.walk import is_file
from hmlc_ray.names.levels import composed
from hmlc_ray.tables.leaf_table import read_leaf_table, read_text

TABLES = (".csv", ".tsv")
SUFFIXES = (*TABLES, ".json")
MAX_DEPTH = 50


def tree_level_names(file: str | Path) -> tuple[str, ...]:
    """The names of the levels in a table (see `read_leaf_table`) or a JSON file (see `read_json`), coarsest first.

    Raises:
        TaxonomyError: if the file is neither, cannot be read or is wrong.
    """
    path = checked_path(file)
    if path.suffix.lower() in TABLES:
        return read_leaf_table(path).level_names
    values = read_json(path)
    return tuple(_level_names(values, path, list(nested_paths(values.get("tree", {"": [""]})))))


def checked_path(file: str | Path) -> Path:
    """The path of a file that can hold a tree.

    Raises:
        TaxonomyError: if it has another suffix.
        DataError: if there is no such file on this machine.
    """
    path = Path(file).expanduser()
    if path.suffix.lower() not in SUFFIXES:
        allowed = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
        raise TaxonomyError(f"a tree is read from a {allowed} file, not from {str(path)!r}")
    if not is_file(path):
        raise DataError(f"there is no tree file {str(path)!r}")
    return path


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file with `tree` or `leaf_paths`; every text is composed (NFC).

    Raises:
        TaxonomyError: if it cannot be read or has neither key.
    """
    try:
        values = _composed(parse_json(read_text(file)))
    except TaxonomyError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise TaxonomyError(f"cannot read the taxonomy {str(file)!r}: {system_reason(error)}") from error
    if not isinstance(values, dict) or not ({"tree", "leaf_paths"} & values.keys()):
        raise TaxonomyError(f"{str(file)!r} must hold an object with `level_names` and `tree` (or `leaf_paths`)")
    return values


def named_paths(values: dict[str, Any], file: Path) -> tuple[list[str], list[tuple[str, ...]]]:
    """Level names and the leaves' paths of an object with `tree`.

    Raises:
        TaxonomyError: if `tree` is not nested objects that end in lists of names, or `level_names` is not a list.
    """
    paths = list(nested_paths(values["tree"]))
    return _level_names(values, file, paths), paths


def nested_paths(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The leaves' paths of nested objects."""
    if len(path) > MAX_DEPTH:
        raise TaxonomyError(f"classes are nested more than {MAX_DEPTH} deep, below {'/'.join(path[:3])!r}")
    if isinstance(node, dict) and node:
        for name, child in node.items():
            yield from nested_paths(child, (*path, name))
    elif isinstance(node, list) and node and all(isinstance(name, str) for name in node):
        yield from ((*path, name) for name in node)
    else:
        raise TaxonomyError(
            f"below {'/'.join(path) or 'the root'!r} there must be an object of classes or a list of leaf names"
        )


def _level_names(values: dict[str, Any], file: Path, paths: list[tuple[str, ...]]) -> list[str]:
    names = values.get("level_names")
    if names is None:
        names = [f"level{h}" for h in range(max((len(path) for path in paths), default=0))]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TaxonomyError(f"level_names in {str(file)!r} must be a list of names, coarsest first")
    return names


def _composed(values: Any) -> Any:
    """The same with every text composed (NFC), keys included."""
    if isinstance(values, dict):
        found = {composed(name): _composed(value) for name, value in values.items()}
        if len(found) < len(values):
            raise NotJson("two keys of one object are the same name, in Unicode's two ways to write it")
        return found
    if isinstance(values, list):
        return [_composed(value) for value in values]
    return composed(values) if isinstance(values, str) else values
