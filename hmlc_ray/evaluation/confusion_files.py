"""Confusion matrices as files: a table and a picture per split and level."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from hmlc_ray.arrays import IntArray
from hmlc_ray.evaluation.confusions import Matrix, SparseCounts, from_tensor
from hmlc_ray.names.files import file_stem
from hmlc_ray.taxonomies.drawing import drawn_names, printable, save_figure
from hmlc_ray.taxonomy import Taxonomy

Matrices = Mapping[str, Mapping[str, Matrix]]
"""Confusion matrices by split, then by level."""
_MOST_NAMES = 40
"""Classes whose names still fit beside a picture."""


def matrices_of(state: Mapping[str, Mapping[str, Tensor]]) -> Matrices:
    """What a checkpoint's `confusion` holds."""
    return {split: {level: from_tensor(matrix) for level, matrix in levels.items()} for split, levels in state.items()}


def write_confusion(taxonomy: Taxonomy, matrices: Matrices, folder: Path) -> list[Path]:
    """Write `<split>-<h>-<level>.csv` and `.png` for every matrix, coarsest level first.

    The table counts. Of a sparse matrix it lists what occurs.
    """
    written = []
    for split, levels in matrices.items():
        for h, level in enumerate(taxonomy.level_names):
            stem = folder / f"{split}-{h}-{file_stem(level)}"
            names, matrix = taxonomy.class_names[h], levels[level]
            table, picture = (stem.with_name(f"{stem.name}.{kind}") for kind in ("csv", "png"))
            if isinstance(matrix, SparseCounts):
                _write_list(names, matrix, table)
            else:
                _write_table(names, matrix, table)
            written += [table, draw_confusion(taxonomy, h, matrix, split, picture)]
    return written


def draw_confusion(taxonomy: Taxonomy, level: int, matrix: Matrix, split: str, file: Path) -> Path:
    """Draw the matrix of one level: each true class's share, so that rare classes are seen as well, with the classes in
    the tree's order and lines between those of different parents at the coarsest level.

    Of a sparse matrix the most frequent mistakes are drawn.
    """
    title = f"{taxonomy.level_names[level]}, {split}"
    if isinstance(matrix, SparseCounts):
        return _draw_worst(taxonomy.class_names[level], matrix, title, file)
    return _draw(taxonomy, level, matrix, title, file)


def _write_table(names: Sequence[str], matrix: IntArray, file: Path) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        table = csv.writer(opened)
        table.writerow(["true \\ predicted", *names])
        table.writerows([name, *row] for name, row in zip(names, matrix.tolist(), strict=True))


def _write_list(names: Sequence[str], counts: SparseCounts, file: Path) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        table = csv.writer(opened)
        table.writerow(["true", "predicted", "count"])
        cells = zip(counts.true.tolist(), counts.predicted.tolist(), counts.count.tolist(), strict=True)
        table.writerows([names[row], names[column], count] for row, column, count in cells)


def _draw_worst(names: Sequence[str], counts: SparseCounts, title: str, file: Path) -> Path:
    from matplotlib.figure import Figure

    wrong = np.flatnonzero(counts.true != counts.predicted)
    worst = wrong[np.argsort(-counts.count[wrong], kind="stable")[:_MOST_NAMES]]
    true, predicted = ([names[c] for c in classes[worst].tolist()] for classes in (counts.true, counts.predicted))
    drawn = drawn_names([*true, *predicted])
    labels = [f"{drawn[row]} as {drawn[column]}" for row, column in zip(true, predicted, strict=True)]
    figure = Figure(figsize=(10.0, 2.0 + 0.25 * len(labels)), layout="constrained")
    axes = figure.subplots()
    axes.barh(range(len(labels)), counts.count[worst])
    axes.set_yticks(range(len(labels)), labels, parse_math=False)
    axes.invert_yaxis()
    axes.set(xlabel="samples")
    axes.set_title(printable(f"{title}: the most frequent of {len(wrong)} mistakes"), parse_math=False)
    save_figure(figure, file, dpi=120)
    return file


def _draw(taxonomy: Taxonomy, level: int, matrix: IntArray, title: str, file: Path) -> Path:
    from matplotlib.figure import Figure

    order = taxonomy.class_order(level)
    side = min(12.0, 3.5 + 0.25 * min(len(order), _MOST_NAMES))
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    shares = (matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1))[np.ix_(order, order)]
    picture = axes.imshow(shares, vmin=0, vmax=1, cmap="viridis", interpolation="nearest")
    figure.colorbar(picture, ax=axes, label="share of the true class", shrink=0.8)
    for border in _borders(taxonomy, level, order):
        axes.axhline(border - 0.5, color="white", linewidth=0.6)
        axes.axvline(border - 0.5, color="white", linewidth=0.6)
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(printable(title), parse_math=False)
    if len(order) <= _MOST_NAMES:
        names = taxonomy.class_names[level]
        drawn = drawn_names(names)
        labels = [drawn[names[c]] for c in order.tolist()]
        axes.set_xticks(range(len(order)), labels, rotation=90, parse_math=False)
        axes.set_yticks(range(len(order)), labels, parse_math=False)
    save_figure(figure, file, dpi=120)
    return file


def _borders(taxonomy: Taxonomy, level: int, order: IntArray) -> list[int]:
    """Where in the order the coarsest class changes; nowhere at the coarsest level itself."""
    if level == 0:
        return []
    coarsest = np.empty(taxonomy.num_classes[level], dtype=np.int64)
    coarsest[taxonomy.leaf_paths[:, level]] = taxonomy.leaf_paths[:, 0]
    borders: list[int] = (np.flatnonzero(np.diff(coarsest[order])) + 1).tolist()
    return borders
