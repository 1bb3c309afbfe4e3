"""The trials of a study with their status and values, and the best one, read from MLflow alone."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.config.training import evaluation_of
from hmlc_ray.errors import StudyError
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.study import schema
from hmlc_ray.study.schema import REFIT, TrialStatus
from hmlc_ray.study.summary import BestSoFar, TrialRow
from hmlc_ray.tracking import Tracker, TrialRun


def trial_runs(tracker: Tracker, parent: str) -> list[TrialRun]:
    """The runs of a study's trials, without refits. Where a trial has two, because the first was deleted and then
    restored, the newer one."""
    runs = {run.trial_id: run for run in tracker.children(parent) if not run.trial_id.startswith(REFIT)}
    return list(runs.values())


def rows_of(runs: Sequence[TrialRun], study: StudyConfig) -> list[TrialRow]:
    """A study's trials by number."""
    return sorted((_row(run, study) for run in runs), key=lambda row: row.number)


def planned(run: TrialRun) -> int:
    """Planned number of trials of a study, by its run; 0 where the run does not record it."""
    return int(run.tags.get(schema.NUM_TRIALS) or run.params.get("study.num_trials") or 0)


def used_up(run: TrialRun) -> int | None:
    """Number of trials of a study that has drawn every point of its search space; None for any other study."""
    return int(run.tags[schema.SPACE_USED_UP]) if schema.SPACE_USED_UP in run.tags else None


def best_row(rows: list[TrialRow], study: StudyConfig) -> TrialRow | None:
    """The best of the completed trials; the earlier one of equals."""
    return max(completed(rows), key=lambda row: rank(study.mode, row.value or 0.0, row.number), default=None)


def best_of(name: str, rows: list[TrialRow], study: StudyConfig) -> TrialRow:
    """The best of the completed trials of the study of that name.

    Raises:
        StudyError: if there is none, with the reason of the first trial that failed.
    """
    row = best_row(rows, study)
    if row is not None:
        return row
    failed = [row for row in rows if row.status == TrialStatus.FAILED]
    if not failed:
        raise StudyError(f"no trial of study {name!r} is complete yet")
    why = f": {failed[0].error}" if failed[0].error else ""
    raise StudyError(
        f"no trial of study {name!r} was completed, and {len(failed)} failed, first trial {failed[0].number}{why}"
    )


def completed(rows: Sequence[TrialRow]) -> list[TrialRow]:
    """The completed trials with a value."""
    return [row for row in rows if row.status == TrialStatus.COMPLETED and row.value is not None]


def ranked(rows: Sequence[TrialRow], mode: str) -> list[TrialRow]:
    """The trials with a value, the best first."""
    valued = [row for row in rows if row.value is not None]
    return sorted(valued, key=lambda row: rank(mode, row.value or 0.0, row.number), reverse=True)


def best_so_far(rows: list[TrialRow], study: StudyConfig) -> BestSoFar | None:
    """The same, in short."""
    row = best_row(rows, study)
    return None if row is None or row.value is None else BestSoFar(row.number, row.value, row.run_id)


def evaluations_of(tracker: Tracker, runs: Sequence[TrialRun], study: StudyConfig) -> dict[int, dict[int, float]]:
    """The searched metric's values of every trial, by number and by evaluation, counted from 1.

    MLflow has no NaN: an evaluation before the last that it lacks had one.
    """
    return {int(run.trial_id): _evaluations(tracker, run, study) for run in runs}


def _evaluations(tracker: Tracker, run: TrialRun, study: StudyConfig) -> dict[int, float]:
    every = int(run.params.get("evaluation.every", 1))  # a run whose making was cut off has nothing at all
    history = tracker.history(run.run_id, study.objective_metric)
    values = {evaluation_of(epoch, every): value for epoch, value in history}
    return {evaluation: values.get(evaluation, math.nan) for evaluation in range(1, max(values, default=0) + 1)}


def rank(mode: str, value: float, number: int) -> tuple[float, int]:
    """Sort key of a trial's value in a study of `mode` max or min: larger is better; the earlier one of equals."""
    return (value if mode == "max" else -value, -number)


def _row(run: TrialRun, study: StudyConfig) -> TrialRow:
    value = run.tags.get(schema.VALUE)
    return TrialRow(
        number=int(run.trial_id),
        trial_id=run.trial_id,
        status=run.trial_status,
        value=float(value) if value is not None else run.metrics.get(metric_key(study.objective_metric)),
        epochs=int(run.tags.get(schema.EPOCHS, 0)),
        params=json.loads(run.tags.get(schema.SEARCHED, "{}")),
        run_id=run.run_id,
        error=run.tags.get(schema.ERROR),
        seconds=float(run.tags[schema.SECONDS]) if schema.SECONDS in run.tags else None,
    )
