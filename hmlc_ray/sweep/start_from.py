"""The points that a study takes from an earlier one when it starts."""

from __future__ import annotations

from collections.abc import Callable

from hmlc_ray.config.dimensions import readable
from hmlc_ray.config.start import first_points
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.errors import StudyError
from hmlc_ray.names.counts import many
from hmlc_ray.study.leaderboard import completed, ranked, rows_of, trial_runs
from hmlc_ray.study.lookup import find_run, find_sweep
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker


def with_start(sweep: SweepConfig, workspace: Workspace, tracker: Tracker, note: Callable[[str], None]) -> SweepConfig:
    """The sweep with the best points of the study that it is to start from, unless points are given.

    They are written into the configuration, so that a resume and a repetition try the same ones.

    Raises:
        StudyError: if there is no such study, it has no completed trial, or it searched nothing that this space has.
    """
    start = sweep.study.start
    if start.study is None or start.points:
        return sweep
    space, trials = sweep.search_space(), _best_first(start.study, workspace, tracker)
    points = first_points(space, (readable(row.params) for row in trials), start.trials)
    if not points:
        raise StudyError(
            f"study.start.study: study {start.study!r} has {many(len(trials), 'completed trial')}"
            + (
                ", none of which has a value that this search space has"
                if trials
                else ", so there is nothing to start from"
            )
        )
    note(f"starting with the points of {many(len(points), 'trial')} of study {start.study}")
    changed = start.model_copy(update={"points": tuple(points)})
    return sweep.model_copy(update={"study": sweep.study.model_copy(update={"start": changed})})


def _best_first(name: str, workspace: Workspace, tracker: Tracker) -> list[TrialRow]:
    """The completed trials of a study, the best first."""
    try:
        parent = find_run(name, tracker)
    except StudyError as error:
        raise StudyError(f"study.start.study: {error}") from error
    study = find_sweep(name, workspace.home, tracker).study
    return ranked(completed(rows_of(trial_runs(tracker, parent), study)), study.mode)
