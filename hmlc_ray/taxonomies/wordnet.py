"""Taxonomies from WordNet: hypernym paths of uneven depth, cut to levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from hmlc_ray.errors import TaxonomyError
from hmlc_ray.taxonomy import Taxonomy

DEFAULT_KEYS = ("lexfile", "super_name", "mid_name")
"""Lexicographer file, and two hypernyms that were picked for each synset."""


def from_synset_table(
    entries: Mapping[str, Mapping[str, Any]], synsets: Sequence[str] | None = None, keys: Sequence[str] = DEFAULT_KEYS
) -> Taxonomy:
    """The tree of a table that gives each synset its class at every coarser level.

    Args:
        entries: per synset id at least `keys`.
        synsets: the leaves, in this order; None: all, sorted by id.
        keys: which entries name the coarser levels, coarsest first; they name the levels too, less `_name`.

    Raises:
        TaxonomyError: if a synset or a key is missing.
    """
    leaves = sorted(entries) if synsets is None else list(synsets)
    paths = [(*(str(_entry(entries, leaf, key)) for key in keys), leaf) for leaf in leaves]
    return Taxonomy.from_paths([*(key.removesuffix("_name") for key in keys), "synset"], paths)


def from_hypernyms(hypernyms: Mapping[str, Sequence[str]], depths: Sequence[int]) -> Taxonomy:
    """The tree that cuts hypernym paths at given depths.

    Args:
        hypernyms: per leaf the synsets from WordNet's root (depth 0) to the leaf itself; depths of leaves may differ.
        depths: of the coarser levels, strictly increasing; where a leaf lies no deeper, it is its own class there. The
            leaves themselves are the last level.

    Raises:
        TaxonomyError: if depths do not increase from at least 0 or a path is empty.
    """
    if not depths or depths[0] < 0 or any(finer <= coarse for coarse, finer in pairwise(depths)):
        raise TaxonomyError(f"depths must be 0 or more and increase, got {list(depths)}")
    empty = [leaf for leaf, path in hypernyms.items() if not path]
    if empty:
        raise TaxonomyError(f"the synset {empty[0]!r} has no hypernym path")
    paths = [
        (*(path[depth] if depth < len(path) else leaf for depth in depths), leaf) for leaf, path in hypernyms.items()
    ]
    return Taxonomy.from_paths([*(f"depth{depth}" for depth in depths), "synset"], paths)


def _entry(entries: Mapping[str, Mapping[str, Any]], leaf: str, key: str) -> Any:
    try:
        return entries[leaf][key]
    except (KeyError, TypeError) as error:
        raise TaxonomyError(f"the WordNet table gives no {key!r} for the synset {leaf!r}") from error
