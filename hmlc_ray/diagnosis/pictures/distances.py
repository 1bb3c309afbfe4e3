"""The distances of leaves, by the height of their lowest common ancestor."""

from __future__ import annotations

from pathlib import Path

from hmlc_ray.diagnosis.confusions import level_of
from hmlc_ray.diagnosis.distances import TreeDistances
from hmlc_ray.diagnosis.result import Diagnosis
from hmlc_ray.taxonomies.drawing import drawn_names, save_figure

_LETTERS = 20


def draw_distances(diagnosis: Diagnosis, distances: TreeDistances, file: Path) -> None:
    """A box per height: the quartiles, with whiskers from 5 to 95 percent of the pairs."""
    from matplotlib.figure import Figure

    groups = distances.by_height()
    picture = Figure(figsize=(2.5 + 1.2 * len(groups), 4.0), layout="constrained")
    axes = picture.subplots()
    axes.boxplot(list(groups.values()), positions=list(groups), widths=0.5, whis=(5, 95), showfliers=False)
    levels = {height: level_of(diagnosis.taxonomy, height) for height in groups}
    drawn = drawn_names(levels.values(), _LETTERS)
    labels = [f"{drawn[levels[height]]}\n{len(group):,} pairs" for height, group in groups.items()]
    axes.set_xticks(list(groups), labels, parse_math=False)
    axes.set(xlabel="finest level at which two leaves are one class", ylabel="distance of their mean features")
    axes.set_ylim(bottom=0)
    cpcc = diagnosis.evaluation.get(f"{diagnosis.split}/tree/cpcc")
    axes.set_title(f"{diagnosis.split}" + ("" if cpcc is None else f", CPCC {cpcc:.3f}"), fontsize=10)
    save_figure(picture, file, dpi=120)
