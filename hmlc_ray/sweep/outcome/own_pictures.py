"""Pictures of a study that Optuna does not have."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from hmlc_ray.sweep.outcome.searched import DrawnStudy
from hmlc_ray.taxonomies.drawing import printable, save_figure


def budget_by_rung(drawn: DrawnStudy) -> object:
    """Trials that ended at each rung, and the epochs that all trials spent up to it; None without a scheduler."""
    from matplotlib.figure import Figure

    trained = [trial.epochs for trial in drawn.trials if trial.epochs]
    if not drawn.rungs or not trained:
        return None
    ends = sorted({*drawn.rungs, max(trained)})
    starts = [0, *ends[:-1]]
    spent = [
        sum(min(max(epochs - low, 0), high - low) for epochs in trained) for low, high in zip(starts, ends, strict=True)
    ]
    reached = [sum(epochs >= high for epochs in trained) for high in ends]
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    names = [f"epoch {end}" for end in ends]
    left.bar(names, reached)
    left.set(title="Trials that reached a rung", ylabel="trials")
    right.bar(names, spent)
    right.set(title=f"Epochs spent before it, of {sum(trained)}", ylabel="epochs")
    return left


def draw_masks(table: Path, file: Path) -> None:
    """Draw the masks of an exported encoder, or the gates of an attention: a row per level, a column per dimension.

    Args:
        table: see `write_mask_table`; where there is none, nothing is drawn.
    """
    if not table.is_file():
        return
    from matplotlib.figure import Figure

    with table.open(newline="", encoding="utf-8") as lines:
        (_, *levels), *rows = csv.reader(lines)
    figure = Figure(figsize=(10.0, 1.6 + 0.4 * len(levels)), layout="constrained")
    axes = figure.subplots()
    masks = [list(map(float, column)) for column in list(zip(*rows, strict=True))[1:]]
    shown = axes.imshow(masks, aspect="auto", vmin=0, interpolation="nearest")
    figure.colorbar(shown, ax=axes, label="mask")
    axes.set_yticks(range(len(levels)), [printable(level)[:30] for level in levels], parse_math=False)
    axes.set(xlabel="dimension of the embedding")
    save_figure(figure, file, dpi=110)


OWN: dict[str, Callable[[DrawnStudy], object]] = {"8-budget-by-rung": budget_by_rung}
