"""Taxonomies from folders, tables and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from hmlc_ray.errors import TaxonomyError, system_reason
from hmlc_ray.folders import IMAGE_SUFFIXES, scan_folder
from hmlc_ray.names.levels import check_printable, composed
from hmlc_ray.tables.leaf_table import read_leaf_table, read_text
from hmlc_ray.taxonomy import Taxonomy

MAX_DEPTH = 50


def from_folders(root: str | Path, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> Taxonomy:
    """The tree of nested class folders (leaves: the deepest ones), or of flat ones beside a `taxonomy.csv`.

    Args:
        root: with or without splits, such as `train`, `val` and `test`, on top or within the classes.
        suffixes: of the files that count, in lower case with the dot.

    Raises:
        DataError: if the folder is missing or holds no such file, or it is not clear which folders are splits.
        TaxonomyError: if leaves lie at different depths (the message names two and their depths) or there is only one.
    """
    tree = scan_folder(root, suffixes)
    return Taxonomy.from_paths(tree.level_names, tree.leaf_paths)


def from_csv(file: str | Path) -> Taxonomy:
    """The tree of a table with a header whose first column is `leaf`, further columns from fine to coarse.

    ```
    leaf,parent,grandparent
    golden_retriever,dog,animal
    ```
    Leaves keep the order of the rows; the header names the levels.

    Raises:
        TaxonomyError: with the line, if a cell is missing, a leaf is listed twice or a class has two parents.
    """
    table = read_leaf_table(Path(file).expanduser())
    return Taxonomy.from_paths(table.level_names, list(table.paths.values()))


def from_json(file: str | Path) -> Taxonomy:
    """The tree of a JSON file in one of two forms.

    ```
    {"level_names": ["realm", "kind", "breed"], "tree": {"animal": {"dog": ["beagle", "collie"]}}}
    {"level_names": [...], "class_names": [[...], ...], "leaf_paths": [[...], ...]}
    ```
    The first nests classes from coarse to fine and ends in lists of leaves; the second is that of `Taxonomy.to_dict`.

    Raises:
        TaxonomyError: if the file cannot be read, has neither form, or the tree is uneven or no tree.
    """
    file = Path(file).expanduser()
    try:
        values = _composed(json.loads(read_text(file)))
    except TaxonomyError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise TaxonomyError(f"cannot read the taxonomy {str(file)!r}: {system_reason(error)}") from error
    if not isinstance(values, dict) or not ({"tree", "leaf_paths"} & values.keys()):
        raise TaxonomyError(f"{str(file)!r} must hold an object with `level_names` and `tree` (or `leaf_paths`)")
    if "tree" not in values:
        return _printable(Taxonomy.from_dict(values))
    paths = list(_nested_paths(values["tree"], ()))
    names = values.get("level_names")
    if names is None:
        names = [f"level{h}" for h in range(max((len(path) for path in paths), default=0))]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TaxonomyError(f"level_names in {str(file)!r} must be a list of names, coarsest first")
    return _printable(Taxonomy.from_paths(names, paths))


def _composed(values: Any) -> Any:
    """The same with every text composed (NFC), keys included."""
    if isinstance(values, dict):
        return {composed(name): _composed(value) for name, value in values.items()}
    if isinstance(values, list):
        return [_composed(value) for value in values]
    return composed(values) if isinstance(values, str) else values


def _printable(taxonomy: Taxonomy) -> Taxonomy:
    check_printable(chain(taxonomy.level_names, *taxonomy.class_names))
    return taxonomy


def _nested_paths(node: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if len(path) > MAX_DEPTH:
        raise TaxonomyError(f"classes are nested more than {MAX_DEPTH} deep, below {'/'.join(path[:3])!r}")
    if isinstance(node, dict) and node:
        for name, child in node.items():
            yield from _nested_paths(child, (*path, name))
    elif isinstance(node, list) and node and all(isinstance(name, str) for name in node):
        yield from ((*path, name) for name in node)
    else:
        raise TaxonomyError(
            f"below {'/'.join(path) or 'the root'!r} there must be an object of classes or a list of leaf names"
        )
