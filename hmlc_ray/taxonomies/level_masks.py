"""The masks of a tree's levels over the dimensions of an embedding: their table, their order, and their picture."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hmlc_ray.arrays import FloatArray, IntArray
from hmlc_ray.taxonomies.drawing import drawn_names, save_figure


def read_mask_table(file: Path) -> tuple[tuple[str, ...], FloatArray]:
    """Levels, and their masks, float64 [H, D], of a table with a row per dimension and a column per level.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is not such a table.
    """
    with file.open(newline="", encoding="utf-8") as lines:
        (_, *levels), *rows = csv.reader(lines)
    masks = np.array([[float(cell) for cell in row[1:]] for row in rows], dtype=np.float64)
    if masks.shape != (len(rows), len(levels)) or not masks.size:
        raise ValueError(f"{str(file)!r} is not a table of masks")
    return tuple(levels), masks.T


def dimension_order(masks: FloatArray) -> IntArray:
    """The dimensions [D] of masks [H, D] by the level whose mask is largest, then from its largest value down."""
    level, value = masks.argmax(axis=0), masks.max(axis=0)
    return np.lexsort((-value, level))


def draw_masks(levels: Sequence[str], masks: FloatArray, file: Path, *, of: str = "embedding") -> None:
    """Draw masks, or the gates of an attention, [H, D]: a row per level, a column per dimension, sorted so that the
    levels' dimensions are side by side.

    Args:
        of: what the dimensions are of.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10.0, 1.6 + 0.4 * len(levels)), layout="constrained")
    axes = figure.subplots()
    # Hard masks reach 1; gates are shares, which in many dimensions would all be dark on a scale to 1.
    largest = float(masks.max()) or 1.0
    ordered = masks[:, dimension_order(masks)]
    shown = axes.imshow(ordered, aspect="auto", vmin=0, vmax=largest, interpolation="nearest")
    figure.colorbar(shown, ax=axes, label="mask")
    axes.set_yticks(range(len(levels)), list(drawn_names(levels).values()), parse_math=False)
    axes.set(xlabel=f"dimensions of the {of}, sorted by level")
    save_figure(figure, file, dpi=120)
