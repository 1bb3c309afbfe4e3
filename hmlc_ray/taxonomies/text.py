"""A taxonomy as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from hmlc_ray.arrays import IntArray
from hmlc_ray.taxonomy import Taxonomy


def render_text(taxonomy: Taxonomy, *, counts: Sequence[IntArray] | None = None, depth: int | None = None) -> str:
    """The tree, one class a line, below a line with the levels.

    ```
    parity (2) > digit (10)
    ├── even
    │   ├── 0
    ...
    ```
    Args:
        counts: samples per class and level, shown in brackets: per level int64 [C_h], as `Taxonomy.class_counts` gives
            them, or [C_h, S] for several splits.
        depth: show this many levels; below the last one shown, the number of leaves replaces the rest.
    """
    depth = taxonomy.num_levels if depth is None else min(depth, taxonomy.num_levels)
    header = zip(taxonomy.level_names, taxonomy.num_classes, strict=True)
    lines = [" > ".join(f"{name} ({count})" for name, count in header)]
    if depth > 0:
        lines += _lines(taxonomy, 0, range(taxonomy.num_classes[0]), "", counts, depth)
    return "\n".join(lines)


def summarise(taxonomy: Taxonomy) -> str:
    """One line: depth, classes per level, and whether classes of a level have equally many children.

    ```
    depth 2: 20 superclass, 100 class; balanced: 5 class in each superclass
    depth 2: 10 group, 40 class; unbalanced: 1 to 12 class in each group
    ```
    """
    levels = ", ".join(
        f"{count} {name}" for name, count in zip(taxonomy.level_names, taxonomy.num_classes, strict=True)
    )
    children = [
        f"{_span(np.bincount(parent))} {fine} in each {coarse}"
        for (coarse, fine), parent in zip(pairwise(taxonomy.level_names), taxonomy.parents[1:], strict=True)
    ]
    words = "balanced" if taxonomy.is_balanced else "unbalanced"
    return f"depth {taxonomy.num_levels}: {levels}; {words}" + (f": {', '.join(children)}" if children else "")


def _span(counts: IntArray) -> str:
    low, high = counts.min(), counts.max()
    return str(low) if low == high else f"{low} to {high}"


def _lines(
    taxonomy: Taxonomy,
    level: int,
    classes: Sequence[int],
    indent: str,
    counts: Sequence[IntArray] | None,
    depth: int,
) -> Iterator[str]:
    for position, c in enumerate(classes):
        last = position == len(classes) - 1
        label = taxonomy.class_names[level][c]
        if counts is not None:
            label += f" [{' / '.join(map(str, np.ravel(counts[level][c])))}]"
        inner = level + 1 < taxonomy.num_levels
        if inner and level + 1 == depth:
            leaves = int((taxonomy.leaf_paths[:, level] == c).sum())
            label += f" … {leaves} {'leaf' if leaves == 1 else 'leaves'}"
        yield f"{indent}{'└── ' if last else '├── '}{label}"
        if inner and level + 1 < depth:
            children = np.flatnonzero(taxonomy.parents[level + 1] == c).tolist()
            yield from _lines(taxonomy, level + 1, children, indent + ("    " if last else "│   "), counts, depth)
