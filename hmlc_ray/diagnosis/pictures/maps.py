"""The map of samples, once per level, coloured by its classes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hmlc_ray.diagnosis.result import Diagnosis
from hmlc_ray.names.counts import many
from hmlc_ray.taxonomies.drawing import drawn_names, printable, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_NAMES = 12
"""Classes whose names still fit beside a panel."""
_LETTERS = 20
_COLUMNS = 3


def draw_map(diagnosis: Diagnosis, file: Path) -> None:
    """A panel per level. Colours follow the tree's order, so that siblings have similar ones."""
    from matplotlib.figure import Figure

    levels, shown = diagnosis.taxonomy.num_levels, diagnosis.sample_map
    columns = min(levels, _COLUMNS)
    rows = math.ceil(levels / columns)
    picture = Figure(figsize=(5.2 * columns, 4.6 * rows), layout="constrained")
    panels = picture.subplots(rows, columns, squeeze=False).ravel()
    for h, axes in enumerate(panels):
        if h < levels:
            _draw_level(axes, diagnosis, h)
        else:
            axes.set_axis_off()
    method = {"t-sne": "t-SNE", "pca": "PCA"}[shown.method]
    picture.suptitle(f"{diagnosis.split}: {method} of the features of {many(len(shown.rows), 'sample')}", fontsize=11)
    save_figure(picture, file, dpi=120)


def _draw_level(axes: Axes, diagnosis: Diagnosis, level: int) -> None:
    from matplotlib import colormaps

    shown, taxonomy = diagnosis.sample_map, diagnosis.taxonomy
    rank = np.argsort(taxonomy.class_order(level))
    colors = colormaps["turbo"]((rank + 0.5) / len(rank))
    classes, (x, y) = shown.paths[:, level], shown.points.T
    axes.scatter(x, y, c=colors[classes], s=max(2.0, min(20.0, 8000 / len(classes))), linewidths=0)
    if len(rank) <= _MOST_NAMES:
        names = taxonomy.class_names[level]
        drawn = drawn_names(names, _LETTERS)
        for c in taxonomy.class_order(level).tolist():
            axes.scatter([], [], color=[colors[c]], label=f" {drawn[names[c]]}")
        for text in axes.legend(fontsize=7, loc="best").get_texts():
            text.set_parse_math(False)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(f"{printable(taxonomy.level_names[level])} ({len(rank)})", parse_math=False, fontsize=10)
