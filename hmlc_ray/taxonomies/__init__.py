"""Taxonomies from files, by name, from WordNet, and induced from data; as text and as a drawing.

Nothing here imports torch. SciPy, scikit-learn and Matplotlib are loaded by `induced` and `drawing` alone.
"""

from __future__ import annotations

from pathlib import Path

from hmlc_ray.errors import TaxonomyError
from hmlc_ray.folders import IMAGE_SUFFIXES, MESH_SUFFIXES
from hmlc_ray.folders.tree_files import SUFFIXES
from hmlc_ray.folders.walk import is_file, is_folder
from hmlc_ray.taxonomies.files import from_csv, from_folders, from_json, read_tree
from hmlc_ray.taxonomies.named import NAMED
from hmlc_ray.taxonomies.text import render_text
from hmlc_ray.taxonomy import Taxonomy

__all__ = ["NAMED", "from_csv", "from_folders", "from_json", "load_taxonomy", "render_text"]


def load_taxonomy(source: str | Path) -> Taxonomy:
    """The taxonomy of a name in `NAMED`, a folder of class folders, a `.csv` table or a `.json` file.

    >>> from hmlc_ray import load_taxonomy
    >>> tree = load_taxonomy("cifar100")
    >>> tree.level_names, tree.num_classes
    (('superclass', 'class'), (20, 100))

    Raises:
        TaxonomyError: if it is none of these, or the tree is wrong.
        DataError: if the folder has neither images nor meshes, or it is not clear which folders are splits.
    """
    if str(source) in NAMED:
        return NAMED[str(source)]()
    path = Path(source).expanduser()
    if is_folder(path):
        return from_folders(path, IMAGE_SUFFIXES | MESH_SUFFIXES)
    if not is_file(path) or path.suffix.lower() not in SUFFIXES:
        raise TaxonomyError(
            f"{str(source)!r} is not a taxonomy: it must be a folder of class folders, a .csv or .json file, "
            f"or one of {', '.join(NAMED)}"
        )
    return read_tree(path)
