"""A taxonomy as a picture."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hmlc_ray.arrays import FloatArray, IntArray
from hmlc_ray.errors import TaxonomyError, system_reason
from hmlc_ray.machine.user import expanded
from hmlc_ray.names.cut import cut_apart
from hmlc_ray.taxonomy import Taxonomy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


SUFFIXES = (".png", ".svg", ".pdf")
DATES = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
INCHES_PER_LEAF, INCHES_PER_LEVEL, LARGEST_HEIGHT = 0.2, 2.2, 120.0
ELBOW = 0.92
"""Where between two levels the lines branch; the class names are written before it."""


def draw(taxonomy: Taxonomy, path: str | Path) -> Path:
    """Draw the tree from the root on the left to the leaves on the right.

    A character that the font lacks is drawn as a box, one that cannot be shown at all as a question mark.

    Args:
        path: of the picture; its suffix, .png, .svg or .pdf, is the format.

    Returns:
        The path written.

    Raises:
        TaxonomyError: if the suffix is another or the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    path = expanded(path)
    if path.suffix.lower() not in SUFFIXES:
        raise TaxonomyError(f"cannot draw to {str(path)!r}: its suffix must be one of {', '.join(SUFFIXES)}")
    height = min(max(taxonomy.num_leaves * INCHES_PER_LEAF, 2), LARGEST_HEIGHT)
    figure = Figure(figsize=(INCHES_PER_LEVEL * taxonomy.num_levels, height), layout="constrained")
    axes = figure.add_subplot()
    _draw_tree(axes, taxonomy)
    try:
        # Without a date and with names that are not drawn at random the same tree gives the same file.
        with rc_context({"svg.hashsalt": "taxonomy"}):
            save_figure(figure, path, metadata=DATES.get(path.suffix.lower()))
    except OSError as error:
        raise TaxonomyError(f"cannot write {str(path)!r}: {system_reason(error)}") from error
    return path


def printable(name: str) -> str:
    """The name with a question mark for each character that cannot be drawn."""
    return "".join(character if character.isprintable() else "?" for character in name)


def drawn_names(names: Iterable[str], letters: int = 30) -> dict[str, str]:
    """Names as they are drawn in pictures: of so many letters, and different where the names are."""
    return cut_apart(names, letters, printable)


def save_figure(figure: Figure, path: Path, **options: Any) -> None:
    """Write a picture whose names may have characters that the font lacks, whatever the user's settings are.

    Raises:
        OSError: if it cannot be written.
    """
    from matplotlib import rc_context

    with rc_context({"text.usetex": False}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(path, **options)


def _draw_tree(axes: Axes, taxonomy: Taxonomy) -> None:
    height = np.empty(taxonomy.num_leaves)
    height[taxonomy.class_order(taxonomy.num_levels - 1)] = np.arange(taxonomy.num_leaves)
    inner_heights = [height.mean(keepdims=True)]
    for h in range(taxonomy.num_levels):
        heights = _mean_heights(height, taxonomy.leaf_paths[:, h])
        parent_heights = inner_heights[-1][taxonomy.parents[h]]
        for own, parent in zip(heights, parent_heights, strict=True):
            axes.plot([h, h + ELBOW, h + ELBOW, h + 1], [parent, parent, own, own], color="0.6", linewidth=0.8)
        inner_heights.append(heights)
    for h, names in enumerate(taxonomy.class_names):
        for name, own in zip(names, inner_heights[h + 1], strict=True):
            _write(axes, h + 1, own, name, fontsize=8, bbox={"fc": "white", "ec": "none", "pad": 0.5})
    for h, (name, count) in enumerate(zip(taxonomy.level_names, taxonomy.num_classes, strict=True)):
        _write(axes, h + 1, -1.5, f"{name} ({count})", fontsize=9, weight="bold")
    axes.set(xlim=(ELBOW - 0.05, taxonomy.num_levels + 1.2), ylim=(taxonomy.num_leaves - 0.3, -2.2))
    axes.set_axis_off()


def _write(axes: Axes, x: float, y: float, name: str, **style: Any) -> None:
    """A name as it is: a pair of dollar signs in it is not a formula."""
    axes.text(x, y, f" {printable(name)}", va="center", parse_math=False, **style)


def _mean_heights(height: FloatArray, classes: IntArray) -> FloatArray:
    """Each class in the middle of its leaves."""
    middle: FloatArray = np.bincount(classes, weights=height) / np.bincount(classes)
    return middle
