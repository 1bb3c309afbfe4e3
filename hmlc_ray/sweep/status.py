"""How a study stands: from its MLflow runs and, on a cluster, its job. Nothing is started and nothing is written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hmlc_ray.config.schema import nearest
from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.errors import StudyError, TrackingError
from hmlc_ray.home import Home
from hmlc_ray.summary import SweepCounts, TrialRow
from hmlc_ray.sweep.found import existing_store
from hmlc_ray.sweep.job_attempts import Attempt, attempts
from hmlc_ray.sweep.job_client import JobsClient
from hmlc_ray.sweep.jobs import log_text
from hmlc_ray.sweep.results import best_row, rows_of
from hmlc_ray.tracking import Tracker, TrialRun, tags
from hmlc_ray.tracking.drivers import life
from hmlc_ray.tracking.uri import public_uri

_ENDED = {"FINISHED": "complete", "FAILED": "failed", "KILLED": "interrupted"}
_JOB = {"PENDING": "waiting", "RUNNING": "running", "STOPPED": "stopped", "SUCCEEDED": "complete", "FAILED": "failed"}
_PROGRESS = re.compile(
    r"\d+/(?P<total>\d+) trials done, (?P<completed>\d+) completed, (?P<pruned>\d+) pruned, (?P<failed>\d+) failed, "
    r"(?P<running>\d+) running(?:, best \S+ (?P<best>-?[\d.]+))?"
)
"""A line of `cli.progress.SweepLines`."""
_LIFE = {"alive": "running", "dead": "died", "unknown": "running"}


@dataclass(frozen=True)
class StudyStatus:
    """A study at this moment."""

    study: str
    state: str
    """waiting, running, complete, failed, interrupted, stopped or died."""
    counts: SweepCounts | None
    """None where the store cannot be seen from here."""
    interrupted: int = 0
    """Trials that a stopped driver left."""
    objective_metric: str | None = None
    best: TrialRow | None = None
    tracking_uri: str | None = None
    job: Attempt | None = None
    note: str | None = None
    """What could not be found out, or the last that the job said."""


def statuses(
    name: str | None, *, home: Path, tracking_uri: str | None, client: JobsClient | None = None
) -> list[StudyStatus]:
    """One study, or all that the cluster has jobs of; without a client, all of the store.

    Raises:
        StudyError: if there is no study of that name, with the nearest there is.
        TrackingError: if the store cannot be reached; with a client that is a note instead.
    """
    if client is not None:
        jobs = attempts(client)
        where = client.get_address()
        return [_of_job(client, jobs[study][-1], home, tracking_uri) for study in _chosen(name, jobs, where)]
    tracker = existing_store(tracking_uri, Home.of(home))
    known = {run.tags[tags.STUDY]: run for run in tracker.studies()} if tracker else {}
    where = tracker.uri if tracker else str(Home.of(home).root)
    return [_of_store(tracker, known[study]) for study in _chosen(name, known, where) if tracker]


def _chosen(name: str | None, known: Iterable[str], where: str) -> list[str]:
    known = list(known)
    if name is None:
        return known
    if name not in known:
        names = f"it has {', '.join(known)}" if known else "it has none yet"
        raise StudyError(f"there is no study {name!r} in {where}{nearest(name, known)}; {names}")
    return [name]


def _of_store(tracker: Tracker, run: TrialRun) -> StudyStatus:
    study = _study_of(run)
    rows = rows_of(tracker, run.run_id, study)
    best = best_row(rows, study)
    states = [row.status for row in rows]
    counts = SweepCounts(
        total=study.num_trials,
        running=states.count("running"),
        completed=states.count("completed"),
        pruned=states.count("pruned"),
        failed=states.count("failed"),
        best=best.value if best else None,
    )
    state = _ENDED.get(run.status) or _LIFE[life(run.tags)]
    return StudyStatus(
        study.name, state, counts, states.count("interrupted"), study.objective_metric, best, tracker.uri
    )


def _study_of(run: TrialRun) -> StudyConfig:
    """What the ranking needs; the study's run has it as params, which every store serves."""
    values = {
        name: run.params[f"study.{name}"] for name in ("objective_metric", "mode") if f"study.{name}" in run.params
    }
    total = int(run.params.get("study.num_trials", 1))
    return StudyConfig.model_validate({"name": run.tags[tags.STUDY], "num_trials": total, **values})


def _of_job(client: JobsClient, job: Attempt, home: Path, tracking_uri: str | None) -> StudyStatus:
    """The job's state, with the trials' where the store can be seen from here."""
    try:
        found = _seen_from_here(job, home, tracking_uri)
        note = None
    except TrackingError as error:
        found, note = None, str(error)
    if found is None:
        return _from_log(client, job, note)
    return StudyStatus(
        job.study,
        _JOB[job.state],
        found.counts,
        found.interrupted,
        found.objective_metric,
        found.best,
        found.tracking_uri,
        job,
    )


def _seen_from_here(job: Attempt, home: Path, tracking_uri: str | None) -> StudyStatus | None:
    """The study in the store given, the job's own, or one in a home folder that this machine shares with it."""
    uri = tracking_uri or job.tracking_uri
    places = [Home.of(folder) for folder in (job.home, "~/hmlc-home", home) if folder is not None]
    for place in places[:1] if uri else places:
        tracker = existing_store(uri, place)
        run_id = tracker.find_study(job.study) if tracker else None
        if tracker is not None and run_id is not None:
            return _of_store(tracker, tracker.run(run_id))
    return None


def _from_log(client: JobsClient, job: Attempt, problem: str | None) -> StudyStatus:
    """What the driver has printed of its progress: all there is to see where the store is out of reach."""
    text = log_text(client, job)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    note = problem or "its MLflow store cannot be seen from here (give --tracking-uri); this is what the job printed"
    if job.state == "FAILED" and lines:
        note += f"; its last line: {lines[-1]}"
    found = list(_PROGRESS.finditer(text))
    if not found:
        return StudyStatus(job.study, _JOB[job.state], None, job=job, note=note)
    values = found[-1].groupdict()
    best = values.pop("best")
    counts = SweepCounts(**{name: int(value) for name, value in values.items()}, best=float(best) if best else None)
    return StudyStatus(job.study, _JOB[job.state], counts, job=job, note=note)


def as_json(status: StudyStatus) -> dict[str, object]:
    """A status as plain values."""
    counts, best, job = status.counts, status.best, status.job
    return {
        "study": status.study,
        "state": status.state,
        "objective_metric": status.objective_metric,
        "trials": None
        if counts is None
        else {
            "total": counts.total,
            "completed": counts.completed,
            "pruned": counts.pruned,
            "failed": counts.failed,
            "running": counts.running,
            "interrupted": status.interrupted,
        },
        "best": None if best is None else {"number": best.number, "value": best.value, "run_id": best.run_id},
        "tracking_uri": None if status.tracking_uri is None else public_uri(status.tracking_uri),
        "job": None
        if job is None
        else {"submission_id": job.submission_id, "state": job.state, "exit_code": job.exit_code},
        "note": status.note,
    }
