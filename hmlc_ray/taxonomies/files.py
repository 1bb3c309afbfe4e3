"""Taxonomies from folders, tables and JSON."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

from hmlc_ray.errors import TaxonomyError
from hmlc_ray.folders import IMAGE_SUFFIXES, scan_folder
from hmlc_ray.folders.tree_files import TABLES, checked_path, named_paths, read_json
from hmlc_ray.names.counts import many
from hmlc_ray.names.levels import check_printable
from hmlc_ray.tables.leaf_table import read_leaf_table
from hmlc_ray.taxonomy import Taxonomy


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
    values = read_json(file)
    taxonomy = Taxonomy.from_paths(*named_paths(values, file)) if "tree" in values else Taxonomy.from_dict(values)
    check_printable(chain(taxonomy.level_names, *taxonomy.class_names))
    return taxonomy


def read_tree(file: str | Path) -> Taxonomy:
    """The tree of a `.csv`, `.tsv` or `.json` file.

    Raises:
        TaxonomyError: see `from_csv` and `from_json`; also if the file has another suffix.
        DataError: if there is no such file.
    """
    path = checked_path(file)
    return from_csv(path) if path.suffix.lower() in TABLES else from_json(path)


def over_leaves(tree: Taxonomy, leaves: Sequence[str], source: str) -> tuple[Taxonomy, list[str]]:
    """The tree over some of its leaves, in the order given; a note if it has others.

    Raises:
        TaxonomyError: naming a leaf that it lacks.
    """
    paths = {path[-1]: path for path in tree.named_paths()}
    lacking = [name for name in leaves if name not in paths]
    if lacking:
        raise TaxonomyError(
            f"{source} lacks {len(lacking)} of the {len(leaves)} leaves of the data, {lacking[0]!r} for one; "
            f"it has {', '.join(list(paths)[:5])}{', ...' if len(paths) > 5 else ''}"
        )
    others = sorted(paths.keys() - set(leaves))
    notes = (
        [f"{source} has {many(len(others), 'leaf', 'leaves')} that the data lacks, {others[0]!r} for one"]
        if others
        else []
    )
    return Taxonomy.from_paths(tree.level_names, [paths[name] for name in leaves]), notes
