"""Status of a study, from what its driver reports or from its MLflow runs. It starts nothing, writes nothing and does
not load Ray."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.errors import StudyError
from hmlc_ray.names.counts import many
from hmlc_ray.names.uris import public_uri
from hmlc_ray.study import schema
from hmlc_ray.study.folder import unknown_study
from hmlc_ray.study.heartbeat import driver_lives
from hmlc_ray.study.leaderboard import best_so_far, planned, rows_of, trial_runs, used_up
from hmlc_ray.study.progress import StatusSnapshot, driven_study, stalled, status_snapshot
from hmlc_ray.study.resuming import resumed_by
from hmlc_ray.study.schema import StudyStatus, TrialStatus
from hmlc_ray.study.summary import BestSoFar, SweepCounts
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker, TrialRun
from hmlc_ray.tracking.drivers import Life, life, seems_dead
from hmlc_ray.tracking.uri import with_driver

if TYPE_CHECKING:
    from hmlc_ray.sweep.jobs.attempts import Attempt


@dataclass(frozen=True)
class StudyOverview:
    """A study at this moment."""

    study: str
    state: StudyStatus
    counts: SweepCounts | None
    """None where the store cannot be seen from here."""
    interrupted: int = 0
    """Trials that a stopped driver left."""
    objective_metric: str | None = None
    best: BestSoFar | None = None
    tracking_uri: str | None = None
    job: Attempt | None = None
    note: str | None = None
    """What could not be read, or the last line that the job printed."""


def statuses(name: str | None, workspace: Workspace) -> list[StudyOverview]:
    """One study, or all of the store.

    Raises:
        StudyError: if there is no study of that name, with the nearest there is.
        TrackingError: if the store cannot be reached.
    """
    if name is not None and (driven := _driven_here(name, workspace)):
        return [driven]
    tracker = workspace.existing_tracker()
    known = {run.tags[schema.STUDY]: run for run in tracker.studies()} if tracker else {}
    where = tracker.uri if tracker else workspace.store_place
    chosen_ones = chosen(name, known, where)
    resumed = {study: resumed_by(study, workspace.home) for study in chosen_ones}
    seen = _statuses_of(tracker, [known[study] for study in chosen_ones]) if tracker else []
    return [being_resumed(one, resumed[one.study]) for one in seen]


def being_resumed(overview: StudyOverview, by: str | None) -> StudyOverview:
    """The overview of a study that `by` was about to resume when it was read: its end before is not its status."""
    if by is None or overview.state == StudyStatus.RUNNING:
        return overview
    return replace(overview, state=StudyStatus.RUNNING, note=f"{by} is about to resume it")


def _driven_here(name: str, workspace: Workspace) -> StudyOverview | None:
    """The study by the file of its driver, where that runs on this machine and writes to the store in question."""
    with suppress(StudyError):  # not a valid name, so no study has it
        folder = workspace.home.study(name)
        driven = driven_study(folder)
        if driven is not None and driven.store == public_uri(with_driver(workspace.store)):
            now = driven.snapshot
            return StudyOverview(
                name,
                StudyStatus.RUNNING,
                now.counts,
                now.interrupted,
                driven.objective_metric,
                now.best,
                driven.store,
                note=stalled(folder),
            )
    return None


def chosen(name: str | None, known: Iterable[str], where: str) -> list[str]:
    """The study of that name, or all.

    Raises:
        StudyError: if there is none of that name.
    """
    known = list(known)
    if name is None:
        return known
    if name not in known:
        raise unknown_study(name, where, known)
    return [name]


def status_of(tracker: Tracker, run: TrialRun) -> StudyOverview:
    """A study by its run."""
    return _statuses_of(tracker, [run])[0]


def _statuses_of(tracker: Tracker, runs: Sequence[TrialRun]) -> list[StudyOverview]:
    """Drivers on other machines that seem dead by this machine's clock are watched before they are reported as dead."""
    doubted = [run for run in runs if run.is_open and life(run.tags) == "unknown" and seems_dead(run.tags)]
    lives = driver_lives(tracker, doubted)
    return [_status(tracker, run, lives.get(run.run_id) or life(run.tags)) for run in runs]


def _status(tracker: Tracker, run: TrialRun, driver: Life) -> StudyOverview:
    study = study_of(run)
    now = (status_snapshot(run) if driver != "dead" else None) or _counted(tracker, run.run_id, study)
    status = StudyStatus.of_run(run.status, driver)
    return StudyOverview(
        study.name,
        status,
        now.counts,
        now.interrupted,
        study.objective_metric,
        now.best,
        tracker.uri,
        note=_note(run, status),
    )


def _note(run: TrialRun, status: StudyStatus) -> str | None:
    if status != StudyStatus.COMPLETE and run.tags.get(schema.STALLED):
        return run.tags[schema.STALLED]
    trials = used_up(run)
    if trials is None:
        return None
    return f"every point of its search space is drawn, so it has {many(trials, 'trial')} instead of {planned(run)}"


def _counted(tracker: Tracker, run_id: str, study: StudyConfig) -> StatusSnapshot:
    rows = rows_of(trial_runs(tracker, run_id), study)
    states = [row.status for row in rows]
    best, interrupted = best_so_far(rows, study), states.count(TrialStatus.INTERRUPTED)
    return StatusSnapshot.of(states, total=study.num_trials, interrupted=interrupted, best=best)


def study_of(run: TrialRun) -> StudyConfig:
    """The settings that the ranking needs; the study's run has them as params, which every store serves."""
    values = {
        name: run.params[f"study.{name}"] for name in ("objective_metric", "mode") if f"study.{name}" in run.params
    }
    total = used_up(run) or planned(run) or 1
    return StudyConfig.model_validate({"name": run.tags[schema.STUDY], "num_trials": total, **values})


def as_json(overview: StudyOverview) -> dict[str, object]:
    """An overview as plain values."""
    counts, best, job = overview.counts, overview.best, overview.job
    return {
        "study": overview.study,
        "state": overview.state,
        "objective_metric": overview.objective_metric,
        "trials": None
        if counts is None
        else {
            "total": counts.total,
            "completed": counts.completed,
            "pruned": counts.pruned,
            "failed": counts.failed,
            "running": counts.running,
            "interrupted": overview.interrupted,
        },
        "best": None if best is None else {"number": best.number, "value": best.value, "run_id": best.run_id},
        "tracking_uri": None if overview.tracking_uri is None else public_uri(overview.tracking_uri),
        "job": None
        if job is None
        else {"submission_id": job.submission_id, "state": job.state, "exit_code": job.exit_code},
        "note": overview.note,
    }
