"""Taxonomies from WordNet, by a table of synsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def _entry(entries: Mapping[str, Mapping[str, Any]], leaf: str, key: str) -> Any:
    try:
        return entries[leaf][key]
    except (KeyError, TypeError) as error:
        raise TaxonomyError(f"the WordNet table gives no {key!r} for the synset {leaf!r}") from error
