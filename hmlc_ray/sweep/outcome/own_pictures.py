"""Pictures of a study that Optuna does not have."""

from __future__ import annotations

from collections.abc import Callable

from hmlc_ray.sweep.outcome.searched import DrawnStudy


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


OWN: dict[str, Callable[[DrawnStudy], object]] = {"8-budget-by-rung": budget_by_rung}
