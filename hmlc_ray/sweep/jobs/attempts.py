"""The jobs of studies, as a head lists them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from hmlc_ray.errors import StudyError
from hmlc_ray.names.nearest import nearest
from hmlc_ray.study import schema
from hmlc_ray.sweep.jobs.head import Jobs, lost_head

State = Literal["PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"]
_ID = re.compile(r"hmlc-(?P<study>[a-z0-9._-]+?)(?:-R(?P<attempt>\d+))?")


@dataclass(frozen=True)
class Attempt:
    """One job of a study."""

    study: str
    number: int
    """1 for the first job, 2 for the next one of the same study, and so on."""
    submission_id: str
    state: State
    exit_code: int | None
    """Exit code of the driver; None while it runs, or where it was killed."""
    message: str
    """Ray's message on how it ended."""
    started: float | None
    ended: float | None
    """Unix seconds."""
    home: str | None
    tracking_uri: str | None
    """Both as they were given; None: as the cluster's environment has them."""

    @property
    def active(self) -> bool:
        return self.state in schema.JOB_OPEN

    @property
    def status_words(self) -> str:
        """How it ended, or that it still runs, in a few words."""
        return {
            "PENDING": "is waiting to start",
            "RUNNING": "is running",
            "STOPPED": "was stopped",
            "SUCCEEDED": "is complete",
            "FAILED": f"failed{'' if self.exit_code is None else f' with exit code {self.exit_code}'}",
        }[self.state]


def attempts(client: Jobs) -> dict[str, list[Attempt]]:
    """Every study that the head has jobs of, with its jobs, oldest first.

    Raises:
        JobError: if the head is lost.
    """
    with lost_head(client.get_address()):
        jobs = client.list_jobs()
    by_study: dict[str, list[Attempt]] = {}
    for attempt in filter(None, map(attempt_of, jobs)):
        by_study.setdefault(attempt.study, []).append(attempt)
    return {study: sorted(by_study[study], key=lambda attempt: attempt.number) for study in sorted(by_study)}


def latest(client: Jobs, study: str) -> Attempt:
    """The last job of a study.

    Raises:
        StudyError: if the head has none, with the nearest name it has.
    """
    known = attempts(client)
    if study not in known:
        raise StudyError(
            f"the cluster at {client.get_address()} has no job of a study {study!r}{nearest(study, known)}; "
            + (f"it has {', '.join(known)}" if known else "it has none yet")
        )
    return known[study][-1]


def attempt_of(job: Any) -> Attempt | None:
    """A job of this package, or None for others'."""
    metadata = job.metadata or {}
    match = _ID.fullmatch(job.submission_id or "")
    if match is None or metadata.get(schema.JOB_STUDY) != match["study"]:
        return None
    return Attempt(
        study=match["study"],
        number=int(match["attempt"] or 1),
        submission_id=job.submission_id,
        state=str(getattr(job.status, "value", job.status)),  # type: ignore[arg-type]
        exit_code=job.driver_exit_code,
        message=job.message or "",
        started=job.start_time / 1000 if job.start_time else None,
        ended=job.end_time / 1000 if job.end_time else None,
        home=metadata.get(schema.JOB_HOME),
        tracking_uri=metadata.get(schema.JOB_TRACKING_URI),
    )
