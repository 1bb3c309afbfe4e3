"""Collect learning curves: a random sweep without a scheduler, with an evaluation after every epoch."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from budget_parts.curves import Curve, CurveSet, rounded, short
from hmlc_ray.config.sweep import SweepConfig, load_sweep
from hmlc_ray.study.folder import is_saved
from hmlc_ray.study.leaderboard import rows_of, trial_runs
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import SweepCounts
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.run import resume_sweep, run_sweep
from hmlc_ray.training.fit import SECONDS

FIXED = (
    "study.sampler={kind: random}",
    "study.scheduler=null",
    "study.refit=null",
    "study.test=none",
    "trials.checkpoints.keep=best-1",
    "evaluation.every=1",
)
"""Every configuration is drawn at random, is trained to its end and is judged after every epoch."""


class Lines:
    """The progress of the sweep, a line for every tenth trial."""

    def __init__(self) -> None:
        self._done = 0

    def update(self, counts: SweepCounts) -> None:
        if counts.done // 10 > self._done // 10:
            print(f"{counts.done} trials ended", flush=True)
        self._done = counts.done

    def note(self, text: str) -> None:
        print(text, flush=True)


def collect(space: str, overrides: Sequence[str], home: Path, file: Path) -> None:
    """Run the sweep, or resume it, and write the curves of its trials."""
    sweep = load_sweep(space, [*FIXED, f"study.name=curves-{Path(space).stem}", *overrides])
    workspace = Workspace.of(home)
    try:
        if is_saved(sweep.study.name, workspace.home):
            resume_sweep(sweep.study.name, workspace, Lines(), trials=sweep.study.num_trials)
        else:
            run_sweep(sweep, workspace, Lines())
    finally:
        gather(sweep, space, overrides, workspace).write(file)


def gather(sweep: SweepConfig, space: str, overrides: Sequence[str], workspace: Workspace) -> CurveSet:
    """The curves of the trials that have been trained to their end."""
    tracker, study = workspace.open_tracker(), sweep.study
    parent = tracker.find_study(study.name)
    assert parent is not None
    curves = []
    for row in rows_of(trial_runs(tracker, parent), study):
        if row.status == TrialStatus.COMPLETED:
            values, seconds = (
                rounded([value for _, value in tracker.history(row.run_id, name)])
                for name in (study.objective_metric, SECONDS)
            )
            curves.append(Curve({name: short(value) for name, value in row.params.items()}, values, seconds))
    facts = {
        "space": Path(space).stem,
        "overrides": [one for one in overrides if "root=" not in one and "file=" not in one],
        "metric": study.objective_metric,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "hardware": f"{os.cpu_count()} CPUs, {platform.machine()}",
    }
    return CurveSet(facts, tuple(curves))
