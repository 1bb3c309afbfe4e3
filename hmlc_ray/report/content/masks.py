"""Which dimensions of the embedding belong to which level, and how that changed while the run trained."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from hmlc_ray.report.content.files import fetched
from hmlc_ray.taxonomies.level_masks import read_mask_table
from hmlc_ray.tracking import Tracker, TrialRun

_TABLE = "masks.csv"
_HISTORIES = ("mask/dims/", "train/gate_mean/")
Points = tuple[tuple[int, float], ...]
"""Epoch and value, by epoch."""


@dataclass(frozen=True)
class Masks:
    """The masks of a run."""

    levels: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    """[H, D], each in [0, 1]."""
    history: dict[str, Points]
    """Dimensions of hard masks after each fit, or the mean gate of each epoch. Empty where neither was
    logged."""
    soft: bool
    """Whether the history is of gates."""
    overlap: Points = ()
    stability: Points = ()

    @property
    def dims(self) -> tuple[float, ...]:
        """The sum of each level's mask."""
        return tuple(sum(row) for row in self.values)


def masks_of(tracker: Tracker, run: TrialRun) -> Masks | None:
    """The masks that a run logged; None of an objective without masks."""
    with fetched(tracker, run.run_id, _TABLE) as file, suppress(OSError, ValueError):
        if file is None:
            return None
        levels, masks = read_mask_table(file)
        return _with_history(tracker, run, levels, tuple(map(tuple, masks.tolist())))
    return None


def _with_history(
    tracker: Tracker, run: TrialRun, levels: tuple[str, ...], values: tuple[tuple[float, ...], ...]
) -> Masks:
    prefix = next((prefix for prefix in _HISTORIES if f"{prefix}0" in run.metrics), None)
    own = {} if prefix is None else {level: _points(tracker, run, f"{prefix}{h}") for h, level in enumerate(levels)}
    return Masks(
        levels,
        values,
        {level: points for level, points in own.items() if points},
        prefix == "train/gate_mean/",
        _points(tracker, run, "mask/overlap"),
        _points(tracker, run, "mask/stability"),
    )


def _points(tracker: Tracker, run: TrialRun, metric: str) -> Points:
    return tuple(tracker.history(run.run_id, metric)) if metric in run.metrics else ()
