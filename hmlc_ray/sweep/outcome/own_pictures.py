"""Pictures of a study that Optuna does not have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.sweep.outcome.searched import DrawnStudy
from hmlc_ray.taxonomies import level_masks


def rung_table(drawn: DrawnStudy) -> list[tuple[str, int, int]]:
    """For each rung, and for the end: its name, the trials that reached it, and the epochs that all trials spent since
    the rung before; empty without a scheduler.

    A trial's rungs depend on its own epochs, which may be searched: then they are numbered, not named by their epochs.
    """
    trained = [trial for trial in drawn.trials if trial.epochs]
    most = max((trial.rungs for trial in trained), key=len, default=[])
    if not most:
        return []
    alike = all(trial.rungs == most for trial in trained)
    table = []
    for index, rung in enumerate(most):
        own = [trial for trial in trained if index < len(trial.rungs)]
        spans = [(trial.epochs, [0, *trial.rungs][index], trial.rungs[index]) for trial in own]
        reached = sum(epochs >= high for epochs, _, high in spans)
        spent = sum(max(min(epochs, high) - low, 0) for epochs, low, high in spans)
        table.append((f"epoch {rung}" if alike else f"rung {index + 1}", reached, spent))
    completed = sum(trial.status == TrialStatus.COMPLETED for trial in trained)
    return [*table, ("end", completed, sum(max(trial.epochs - max(trial.rungs, default=0), 0) for trial in trained))]


def budget_by_rung(drawn: DrawnStudy) -> object:
    """Trials that ended at each rung, and the epochs that all trials spent up to it; None without a scheduler."""
    from matplotlib.figure import Figure

    table = rung_table(drawn)
    if not table:
        return None
    names, reached, spent = zip(*table, strict=True)
    figure = Figure(layout="constrained")
    left, right = figure.subplots(1, 2)
    left.bar(names, reached)
    left.set(title="Trials that reached a rung", ylabel="trials")
    right.bar(names, spent)
    right.set(title=f"Epochs spent before it, of {sum(spent)}", ylabel="epochs")
    return left


def draw_masks(table: Path, file: Path) -> None:
    """Draw the masks of an exported encoder.

    Args:
        table: see `write_mask_table`; where there is none, nothing is drawn.
    """
    if table.is_file():
        level_masks.draw_masks(*level_masks.read_mask_table(table), file)


OWN: dict[str, Callable[[DrawnStudy], object]] = {"8-budget-by-rung": budget_by_rung}
