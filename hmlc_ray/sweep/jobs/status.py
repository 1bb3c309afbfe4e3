"""Status of the studies that were submitted to a cluster: from their jobs and, where it can be read, the store."""

from __future__ import annotations

from dataclasses import replace

from hmlc_ray.errors import TrackingError
from hmlc_ray.home import Home
from hmlc_ray.study.schema import StudyStatus
from hmlc_ray.study.status import StudyOverview, chosen, status_of
from hmlc_ray.study.status_line import for_people, last_said
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.jobs.attempts import Attempt, attempts
from hmlc_ray.sweep.jobs.client import JobsClient
from hmlc_ray.sweep.jobs.submit import log_text


def job_statuses(name: str | None, workspace: Workspace, client: JobsClient) -> list[StudyOverview]:
    """One study, or all that the cluster has jobs of. A store that cannot be reached is reported as a note.

    Raises:
        StudyError: if there is no study of that name, with the nearest there is.
    """
    jobs = attempts(client)
    return [_of_job(client, jobs[study][-1], workspace) for study in chosen(name, jobs, client.get_address())]


def _of_job(client: JobsClient, job: Attempt, workspace: Workspace) -> StudyOverview:
    """The job's state, with the trials' where the store can be seen from here."""
    try:
        seen = _seen_from_here(job, workspace)
        note = None
    except TrackingError as error:
        seen, note = None, str(error)
    if seen is None:
        return _from_log(client, job, note)
    return StudyOverview(
        job.study,
        StudyStatus.of_job(job.state),
        seen.counts,
        seen.interrupted,
        seen.objective_metric,
        seen.best,
        seen.tracking_uri,
        job,
        seen.note,
    )


def _seen_from_here(job: Attempt, workspace: Workspace) -> StudyOverview | None:
    """The study in the store given, the job's own, or one in a home folder that this machine shares with it."""
    uri = workspace.tracking_uri or job.tracking_uri
    homes = [Home.of(folder) for folder in (job.home, "~/hmlc-home") if folder is not None] + [workspace.home]
    for home in homes[:1] if uri else homes:
        tracker = Workspace(home, uri).existing_tracker()
        run_id = tracker.find_study(job.study) if tracker else None
        if tracker is not None and run_id is not None:
            return status_of(tracker, tracker.run(run_id))
    return None


def _from_log(client: JobsClient, job: Attempt, problem: str | None) -> StudyOverview:
    """The progress that the driver has printed, which is all there is where the store is out of reach."""
    text = log_text(client, job)
    lines = [line.strip() for line in for_people(text).splitlines() if line.strip()]
    note = problem or "its MLflow store cannot be seen from here (give --tracking-uri); this is what the job printed"
    if job.state == "FAILED" and lines:
        note += f"; its last line: {lines[-1]}"
    said = last_said(text)
    if said is None:
        return StudyOverview(job.study, StudyStatus.of_job(job.state), None, job=job, note=note)
    counts, interrupted = said.counts, said.interrupted
    if not job.active:  # killed, it had no time to report that nothing runs
        counts, interrupted = replace(counts, running=0), interrupted + counts.running
    return StudyOverview(
        job.study,
        StudyStatus.of_job(job.state),
        counts,
        interrupted,
        said.objective_metric,
        said.best,
        job=job,
        note=note,
    )
