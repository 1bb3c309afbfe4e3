"""The label tree: levels, classes, parents and the path of every leaf.

Level 0 is the coarsest and level H-1 the leaf, everywhere in this package.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from hmlc_ray.arrays import IntArray
from hmlc_ray.errors import TaxonomyError
from hmlc_ray.names.counts import many
from hmlc_ray.names.levels import check_level_names


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """A tree in which every leaf has one path of the same length.

    Args:
        level_names: H names, coarsest first (see `check_level_names`); the last one names the leaf level.
        class_names: per level the names of its C_h classes; a class's index is its position.
        leaf_paths: int64 [C_leaf, H]; row l holds the class of leaf l at each level, so the last column is l.

    Raises:
        TaxonomyError: if shapes disagree, a level's name is not allowed, an index is out of range, a class has no
            leaf or two parents, or there are fewer than two leaves.
    """

    level_names: tuple[str, ...]
    class_names: tuple[tuple[str, ...], ...]
    leaf_paths: IntArray

    def __post_init__(self) -> None:
        leaf_paths = np.array(self.leaf_paths, dtype=np.int64)
        leaf_paths.setflags(write=False)
        object.__setattr__(self, "leaf_paths", leaf_paths)
        _check(self.level_names, self.class_names, self.leaf_paths)

    @property
    def num_levels(self) -> int:
        """H."""
        return len(self.level_names)

    @property
    def num_leaves(self) -> int:
        return len(self.leaf_paths)

    @cached_property
    def num_classes(self) -> tuple[int, ...]:
        """C_h per level."""
        return tuple(len(names) for names in self.class_names)

    @cached_property
    def parents(self) -> tuple[IntArray, ...]:
        """Parents of the classes of level h, as indices at level h-1, for each h; at level 0 all are 0, the root."""
        columns = self.leaf_paths.T
        result = [np.zeros(self.num_classes[0], dtype=np.int64)]
        for coarse, fine in pairwise(columns):
            parent = np.empty(int(fine.max()) + 1, dtype=np.int64)
            parent[fine] = coarse
            result.append(parent)
        return tuple(result)

    @property
    def is_balanced(self) -> bool:
        """Whether at each level all classes have equally many children."""
        return all(len(set(np.bincount(parent).tolist())) == 1 for parent in self.parents)

    def class_order(self, level: int) -> IntArray:
        """The classes of a level, int64 [C_h], as a drawing of the tree lists them: siblings side by side."""
        leaves = np.lexsort(self.leaf_paths.T[::-1])
        classes, first = np.unique(self.leaf_paths[leaves, level], return_index=True)
        order: IntArray = classes[np.argsort(first)]
        return order

    def lca_height(self, first: npt.ArrayLike, second: npt.ArrayLike) -> IntArray:
        """Height of the lowest common ancestor of pairs of leaves: int64 of any two shapes that go together.

        0 for a leaf and itself, 1 for siblings, H where only the root is above both.
        """
        # Leaves that share a class share all coarser ones, so the height is the number of levels that differ.
        first, second = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
        heights = np.zeros(np.broadcast_shapes(first.shape, second.shape), dtype=np.int64)
        for column in self.leaf_paths.T:
            heights += column[first] != column[second]
        return heights

    def contains(self, paths: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Which of the (predicted) paths [n, H] are paths of the tree, bool [n].

        Raises:
            TaxonomyError: if the shape is wrong or a leaf is outside [0, num_leaves).
        """
        paths = np.asarray(paths, dtype=np.int64)
        if paths.ndim != 2 or paths.shape[1] != self.num_levels:
            raise TaxonomyError(f"paths must have shape [n, {self.num_levels}], got {list(paths.shape)}")
        inside: npt.NDArray[np.bool_] = (self.paths(paths[:, -1]) == paths).all(axis=1)
        return inside

    def keep_levels(self, levels: Sequence[str | int]) -> Taxonomy:
        """The tree with these levels only, in the order of the tree; leaves and their numbers stay.

        Raises:
            TaxonomyError: if a level does not exist or the leaf level is not among them.
        """
        kept = sorted({self.level_index(level) for level in levels})
        if self.num_levels - 1 not in kept:
            raise TaxonomyError(f"the leaf level {self.level_names[-1]!r} must be kept; labels are leaves")
        return Taxonomy(
            tuple(self.level_names[h] for h in kept),
            tuple(self.class_names[h] for h in kept),
            self.leaf_paths[:, kept],
        )

    def paths(self, leaf: npt.ArrayLike) -> IntArray:
        """Classes at every level: int64 [n] leaves to int64 [n, H].

        Raises:
            TaxonomyError: if a leaf is outside [0, num_leaves).
        """
        leaf = np.asarray(leaf, dtype=np.int64)
        if leaf.size and (leaf.min() < 0 or leaf.max() >= self.num_leaves):
            bad = int(leaf.min() if leaf.min() < 0 else leaf.max())
            raise TaxonomyError(f"leaf label {bad} is not in the taxonomy, which has leaves 0 to {self.num_leaves - 1}")
        rows: IntArray = self.leaf_paths[leaf]
        return rows

    def class_counts(self, leaf: npt.ArrayLike) -> tuple[IntArray, ...]:
        """N_c^h: per level the number of samples of each class, from the samples' leaves [n]."""
        paths = self.paths(leaf)
        return tuple(np.bincount(paths[:, h], minlength=count) for h, count in enumerate(self.num_classes))

    def level_index(self, level: str | int) -> int:
        """The index of a level given by index or name; `leaf` is the last.

        Raises:
            TaxonomyError: if there is no such level.
        """
        if level == "leaf":
            return self.num_levels - 1
        if isinstance(level, str) and level in self.level_names:
            return self.level_names.index(level)
        if isinstance(level, int) and 0 <= level < self.num_levels:
            return level
        allowed = ", ".join(f"{i} ({name})" for i, name in enumerate(self.level_names))
        raise TaxonomyError(f"there is no level {level!r}; the levels are {allowed}")

    def named_paths(self) -> list[tuple[str, ...]]:
        """Class names of each leaf, coarsest first."""
        return [
            tuple(names[c] for names, c in zip(self.class_names, path, strict=True))
            for path in self.leaf_paths.tolist()
        ]

    @cached_property
    def digest(self) -> str:
        """SHA-256, as hexadecimal digits, over levels, classes and paths."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, for JSON."""
        return {
            "level_names": list(self.level_names),
            "class_names": [list(names) for names in self.class_names],
            "leaf_paths": self.leaf_paths.tolist(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Taxonomy:
        """The inverse of `to_dict`.

        Raises:
            TaxonomyError: if a key is missing or holds something else, or the result is not a tree.
        """
        try:
            leaf_paths = np.asarray(values["leaf_paths"])
            if leaf_paths.dtype.kind != "i":
                raise TypeError("leaf_paths must hold a list of whole numbers for each leaf")
            return cls(
                tuple(values["level_names"]),
                tuple(tuple(names) for names in values["class_names"]),
                leaf_paths,
            )
        except TaxonomyError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise TaxonomyError(f"not a taxonomy: {error}") from error

    @classmethod
    def from_paths(cls, level_names: Sequence[str], paths: Sequence[Sequence[str]]) -> Taxonomy:
        """Build from the leaves' paths of class names, coarsest first; leaves keep the order given.

        Classes are identified by their whole path, so that two parents may have children of the same name.

        Raises:
            TaxonomyError: if paths are of different length, a leaf is listed twice, or the result is not a tree.
        """
        length = len(level_names)
        for path in paths:
            if len(path) != length:
                raise TaxonomyError(
                    f"leaf {'/'.join(path)!r} lies {many(len(path), 'level')} deep where {length} are expected: "
                    "every leaf needs a path of the same depth"
                )
        index: list[dict[tuple[str, ...], int]] = [{} for _ in range(length)]
        rows = []
        for path in paths:
            prefixes = [tuple(path[: h + 1]) for h in range(length)]
            if prefixes and prefixes[-1] in index[-1]:
                raise TaxonomyError(f"leaf {'/'.join(path)!r} is listed twice; a leaf has exactly one path")
            rows.append([index[h].setdefault(prefix, len(index[h])) for h, prefix in enumerate(prefixes)])
        names = tuple(_short_names(tuple(level)) for level in index)
        return cls(tuple(level_names), names, np.asarray(rows, dtype=np.int64).reshape(len(rows), length))


def _short_names(prefixes: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """The last part of each path, or the whole path where last parts collide."""
    uses = Counter(prefix[-1] for prefix in prefixes)
    return tuple("/".join(prefix) if uses[prefix[-1]] > 1 else prefix[-1] for prefix in prefixes)


def _check(level_names: Sequence[str], class_names: Sequence[Sequence[str]], leaf_paths: IntArray) -> None:
    if not level_names or len(level_names) != len(class_names) or leaf_paths.shape[1:] != (len(level_names),):
        raise TaxonomyError(
            f"{many(len(level_names), 'level name')}, {many(len(class_names), 'list')} of classes "
            "and leaf paths of shape "
            f"{leaf_paths.shape} do not agree on the number of levels"
        )
    check_level_names(level_names)
    if len(leaf_paths) < 2:
        raise TaxonomyError(f"a taxonomy needs at least two leaves, got {len(leaf_paths)}")
    if not np.array_equal(leaf_paths[:, -1], np.arange(len(class_names[-1]))):
        raise TaxonomyError("the last column of leaf_paths must list the leaves in order, each once")
    for h, names in enumerate(class_names):
        if not all(isinstance(name, str) for name in names):
            raise TaxonomyError(f"the classes of level {level_names[h]!r} must have texts as names")
        if not np.array_equal(np.unique(leaf_paths[:, h]), np.arange(len(names))):
            raise TaxonomyError(
                f"level {level_names[h]!r} must use each of its {many(len(names), 'class', 'classes')} at least once"
            )
        if h:
            pairs = {(int(child), int(parent)) for parent, child in leaf_paths[:, h - 1 : h + 1]}
            if len(pairs) != len(names):
                raise TaxonomyError(f"a class of level {level_names[h]!r} has two parents; a tree gives it one")
