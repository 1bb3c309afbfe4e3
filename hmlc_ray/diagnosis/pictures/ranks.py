"""The spectra of features and embedding, and the rank of each level's between-class scatter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hmlc_ray.diagnosis.result import Diagnosis
from hmlc_ray.names.counts import many
from hmlc_ray.taxonomies.drawing import printable, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_ranks(diagnosis: Diagnosis, file: Path) -> None:
    """Left the deviations along the principal axes, right the ranks per level."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(10.0, 4.0), layout="constrained")
    left, right = picture.subplots(1, 2)
    _draw_spectra(left, diagnosis)
    _draw_scatter(right, diagnosis)
    save_figure(picture, file, dpi=120)


def _draw_spectra(axes: Axes, diagnosis: Diagnosis) -> None:
    spectra = {"features": diagnosis.features}
    if diagnosis.masks_on == "embedding" or diagnosis.embedding is not diagnosis.features:
        spectra["embedding"] = diagnosis.embedding
    for name, spectrum in spectra.items():
        shown = spectrum.deviations[spectrum.deviations > 0]
        label = f"{name}: effective rank {spectrum.effective_rank:.1f}"
        axes.plot(np.arange(1, len(shown) + 1), shown / shown[0] if len(shown) else shown, label=label)
    if any(spectrum.deviations.any() for spectrum in spectra.values()):
        axes.set_yscale("log")
    axes.set(xlabel="principal axis", ylabel="standard deviation, share of the first")
    axes.set_title(f"{diagnosis.split}, {many(diagnosis.samples, 'sample')}", fontsize=10)
    axes.legend(fontsize=8)


def _draw_scatter(axes: Axes, diagnosis: Diagnosis) -> None:
    ranks = np.array([(level.largest_rank, level.rank, level.effective_rank) for level in diagnosis.scatter])
    position = np.arange(len(ranks))
    bars = zip(("at most", "rank", "effective rank"), ("0.85", "C0", "C1"), ranks.T, strict=True)
    for number, (name, color, values) in enumerate(bars):
        axes.bar(position + 0.27 * (number - 1), np.nan_to_num(values), 0.25, label=name, color=color)
    axes.set_xticks(position, [printable(name) for name in diagnosis.taxonomy.level_names], parse_math=False)
    axes.set(ylabel="dimensions")
    axes.set_title("between-class scatter of the features", fontsize=10)
    axes.legend(fontsize=8)
