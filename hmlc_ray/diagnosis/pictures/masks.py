"""The masks, what probes find in them, and their sizes over the epochs."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import numpy as np

from hmlc_ray.arrays import FloatArray
from hmlc_ray.diagnosis.mask_probes import MaskProbes
from hmlc_ray.diagnosis.mask_sizes import MaskSizes
from hmlc_ray.diagnosis.result import Diagnosis
from hmlc_ray.taxonomies import level_masks
from hmlc_ray.taxonomies.drawing import drawn_names, save_figure


def draw_masks(diagnosis: Diagnosis, masks: FloatArray, file: Path) -> None:
    """See `level_masks.draw_masks`."""
    level_masks.draw_masks(diagnosis.taxonomy.level_names, masks, file, of=diagnosis.masks_on)


def draw_mask_probes(diagnosis: Diagnosis, probes: MaskProbes, file: Path) -> None:
    """Two tables and their difference: rows are the levels of masks, columns the levels that are probed."""
    from matplotlib.figure import Figure

    names = _names(diagnosis)
    difference = probes.inside - probes.outside
    largest = max(0.05, float(np.nanmax(np.abs(difference))))
    tables = (
        ("on the mask", probes.inside, "viridis", (0.0, 1.0)),
        ("on its complement", probes.outside, "viridis", (0.0, 1.0)),
        ("mask less complement", difference, "RdBu", (-largest, largest)),
    )
    picture = Figure(figsize=(12.0, 2.4 + 0.5 * len(names)), layout="constrained")
    for axes, (title, table, colors, (low, high)) in zip(picture.subplots(1, 3), tables, strict=True):
        axes.imshow(table, vmin=low, vmax=high, cmap=colors)
        for (row, column), value in np.ndenumerate(table):
            text = "none" if np.isnan(value) else f"{100 * value:.1f}"
            box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5}
            axes.text(column, row, text, ha="center", va="center", bbox=box, fontsize=9)
        axes.set_xticks(range(len(names)), names, rotation=30, ha="right", parse_math=False)
        axes.set_yticks(range(len(names)), names, parse_math=False)
        axes.set(xlabel="level that is probed", ylabel="mask of the level")
        axes.set_title(title, fontsize=10)
    picture.suptitle(f"{diagnosis.split}: top-1 of linear probes on the {diagnosis.masks_on}, percent", fontsize=11)
    save_figure(picture, file, dpi=120)


def draw_mask_sizes(diagnosis: Diagnosis, sizes: MaskSizes, file: Path) -> None:
    """A line per level."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    picture = Figure(figsize=(7.0, 3.5), layout="constrained")
    axes = picture.subplots()
    for name, values, line in zip(_names(diagnosis), sizes.dims.T, cycle(("-", "--", "-.", ":")), strict=False):
        # A label that begins with an underscore would not be shown.
        axes.plot(sizes.epochs, values, line, marker="o", markersize=3, label=f" {name}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="epoch", ylabel="dimensions (sum of the mask)", ylim=(0, 1.08 * sizes.dims.max()))
    _legend_as_it_is(axes.legend(fontsize=8))
    save_figure(picture, file, dpi=120)


def _legend_as_it_is(legend: object) -> None:
    for text in legend.get_texts():  # type: ignore[attr-defined]
        text.set_parse_math(False)


def _names(diagnosis: Diagnosis) -> list[str]:
    return list(drawn_names(diagnosis.taxonomy.level_names).values())
