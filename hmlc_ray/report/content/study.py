"""A study: its trials, what was searched, and its encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.report.content.curves import Curve, curves_of, probe_curves
from hmlc_ray.report.content.encoder import EncoderContent, encoder_content
from hmlc_ray.report.content.levels import SeedResult, levels_in, seed_result
from hmlc_ray.report.content.search import (
    ENOUGH,
    AtEdge,
    Importances,
    Parameter,
    at_edges,
    best_first,
    importances_of,
    parameters_of,
)
from hmlc_ray.report.limits import Limits
from hmlc_ray.study import schema
from hmlc_ray.study.leaderboard import best_row, evaluations_of, planned, rows_of, trial_runs, used_up
from hmlc_ray.study.lookup import find_sweep
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.status import StudyOverview, status_of
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker, TrialRun

_MOST_ASKED = 200
"""Trials whose first evaluation is asked of the store."""


@dataclass(frozen=True)
class StudyContent:
    """What is reported of a study."""

    run: TrialRun
    overview: StudyOverview
    sweep: SweepConfig
    planned: int
    rows: tuple[TrialRow, ...]
    """Best first."""
    best: TrialRow | None
    parameters: tuple[Parameter, ...]
    importances: Importances | None
    edges: tuple[AtEdge, ...]
    curves: tuple[Curve, ...]
    level_names: tuple[str, ...]
    accuracies: dict[int, dict[str, float]]
    """The linear probe's accuracy on validation at each trial's end, by trial and level."""
    seeds: SeedResult | None
    best_run: TrialRun | None
    encoder: EncoderContent | None
    """That of the run whose encoder is the result; None while no trial is complete."""

    @property
    def name(self) -> str:
        return self.sweep.study.name

    @property
    def metric(self) -> str:
        """The objective metric."""
        return self.sweep.study.objective_metric

    def with_status(self, *statuses: TrialStatus) -> list[TrialRow]:
        """The trials that have one of these statuses."""
        return [row for row in self.rows if row.status in statuses]


def study_content(
    tracker: Tracker, run: TrialRun, workspace: Workspace, limits: Limits, *, embedding: bool
) -> StudyContent:
    """Collect what the store has of a study.

    Raises:
        StudyError: if its search space cannot be read.
        StoreAway: if the store does not answer.
    """
    name = run.tags[schema.STUDY]
    sweep = find_sweep(name, workspace.home, tracker)
    runs = trial_runs(tracker, run.run_id)
    rows = rows_of(runs, sweep.study)
    best, by_id = best_row(rows, sweep.study), {own.run_id: own for own in runs}
    best_run = by_id[best.run_id] if best is not None else None
    encoder = None
    if best_run is not None:
        result = run.tags.get(schema.ENCODER_RUN)
        own = by_id.get(result) or tracker.run(result) if result else best_run
        encoder = encoder_content(tracker, own, workspace, limits, embedding=embedding)
        if not encoder.accuracies:  # a refit has no validation split left
            known = probe_curves(tracker, best_run, encoder.level_names)
            encoder = replace(encoder, accuracies=known)
    levels = (
        encoder.level_names
        if encoder is not None
        else levels_in({k: v for own in runs for k, v in own.metrics.items()})
    )
    ranked = best_first(rows, sweep.study.mode)
    return StudyContent(
        run,
        status_of(tracker, run),
        sweep,
        used_up(run) or planned(run) or sweep.study.num_trials,
        tuple(ranked),
        best,
        parameters_of(sweep, ranked[: limits.trials]),
        importances_of(sweep, rows, _evaluations(tracker, runs, rows, sweep)),
        at_edges(sweep, best) if best is not None else (),
        curves_of(tracker, rows, sweep.study, limits.curves),
        levels,
        {row.number: _accuracies(by_id[row.run_id], levels) for row in rows},
        seed_result(best_run, [by_id[row.run_id] for row in rows if row.status == TrialStatus.COMPLETED], levels)
        if best_run is not None
        else None,
        best_run,
        encoder,
    )


def _evaluations(
    tracker: Tracker, runs: Sequence[TrialRun], rows: Sequence[TrialRow], sweep: SweepConfig
) -> dict[int, dict[int, float]]:
    """The evaluations of each trial, where few of them were completed."""
    if sum(row.status == TrialStatus.COMPLETED for row in rows) >= ENOUGH:
        return {}
    return evaluations_of(tracker, runs[:_MOST_ASKED], sweep.study)


def _accuracies(run: TrialRun, levels: Sequence[str]) -> dict[str, float]:
    keys = {level: metric_key(f"val/probe_top1/{level}") for level in levels}
    return {level: run.metrics[key] for level, key in keys.items() if key in run.metrics}
