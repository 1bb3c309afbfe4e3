"""The tree of a data set: its own, a file's or an induced one; all its levels or some; or the shuffled control."""

from __future__ import annotations

from hmlc_ray.config.levels import kept_levels
from hmlc_ray.config.splits import SplitSection
from hmlc_ray.config.taxonomy import FileTaxonomyConfig, InducedTaxonomyConfig, OwnTaxonomyConfig, Tree
from hmlc_ray.errors import TaxonomyError
from hmlc_ray.taxonomies.files import over_leaves, read_tree
from hmlc_ray.taxonomy import Taxonomy


def given_tree(config: SplitSection, own: Taxonomy) -> tuple[Taxonomy, list[str]]:
    """The tree over the leaves of a data set, which keep their numbers and names; and what a user should know of it.

    Args:
        own: the data set's own tree.

    Raises:
        TaxonomyError: if a leaf is not in the tree, or a tree without a level above its leaves is to be shuffled.
        ConfigError: if `data.keep_levels` names a level that there is not, or leaves the leaf level out.
    """
    given = config.taxonomy
    tree, notes = own, list[str]()
    if isinstance(given, FileTaxonomyConfig):
        found = taxonomy_of(given.tree) if given.tree is not None else read_tree(given.file)
        tree, notes = over_leaves(found, own.class_names[-1], f"the tree of {given.file!r}")
    elif isinstance(given, InducedTaxonomyConfig):
        if given.tree is None:
            raise TaxonomyError(
                "data.taxonomy is induced and its tree has not been made yet: `hmlc taxonomy induce` makes it"
            )
        tree, notes = over_leaves(taxonomy_of(given.tree), own.class_names[-1], "the induced tree")
    if config.keep_levels is not None:
        tree = tree.keep_levels(kept_levels(config.keep_levels, tree.level_names))
    if isinstance(given, OwnTaxonomyConfig | FileTaxonomyConfig | InducedTaxonomyConfig) and given.shuffled:
        from hmlc_ray.taxonomies.induced import shuffled  # loads SciPy and scikit-learn

        tree = shuffled(tree, given.shuffle_seed)
    return tree, notes


def taxonomy_of(tree: Tree) -> Taxonomy:
    """The taxonomy that a configuration holds.

    Raises:
        TaxonomyError: if it is not a tree.
    """
    return Taxonomy.from_paths(tree.level_names, tree.paths)


def written_out(taxonomy: Taxonomy) -> Tree:
    """The taxonomy as a configuration holds it."""
    return Tree(level_names=taxonomy.level_names, paths=tuple(taxonomy.named_paths()))
