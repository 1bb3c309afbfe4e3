"""Studies as jobs of a Ray cluster, by Ray's Jobs API: nothing is kept on the machine that submits them.

A study's first job is `hmlc-NAME`; the jobs that resume it later are `hmlc-NAME-R2`, `-R3`, and so on. Names are
lower-case, so no two studies share an id, and the head itself refuses an id that it has seen.
"""

from __future__ import annotations

import asyncio
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import hmlc_ray
from hmlc_ray.errors import ConfigError, JobError, StudyError, first_line
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.study import schema
from hmlc_ray.study.commands import command
from hmlc_ray.study.status_line import PeoplesLog
from hmlc_ray.sweep.jobs.attempts import Attempt, attempt_of, attempts, latest
from hmlc_ray.sweep.jobs.client import JobsClient
from hmlc_ray.sweep.jobs.head import lost_head
from hmlc_ray.sweep.jobs.upload import SpaceFile, refuse_secrets
from hmlc_ray.tracking.drivers import JOB_VARIABLE

USER_ERROR = 2
"""The exit code of a driver that refused its input: it has started nothing."""
_STOP_SECONDS = 60
"""Seconds that a stopped driver may take to close its runs before Ray kills it."""
_CLUSTER_HOME = '"${HMLC_HOME:-$HOME/hmlc-home}"'


@dataclass(frozen=True)
class JobWorkspace:
    """Where a job works, as its entrypoint gives it; None: as the cluster's environment has it.

    Unlike a `Workspace` it is for another machine: nothing of it is looked up here, not even a `~`.
    """

    home: str | None = None
    """A folder that all nodes share."""
    tracking_uri: str | None = None
    upload_package: bool = False
    """Send this machine's `hmlc_ray`, for a cluster that has its dependencies but not the package itself."""

    def check(self) -> None:
        """Refuse values that mean nothing on another machine or show a password.

        Raises:
            ConfigError: naming the option.
        """
        if self.home is not None and not self.home.startswith(("/", "~")):
            raise ConfigError(f"--home {self.home!r} must be an absolute path of the cluster that all its nodes share")
        if self.tracking_uri is not None:
            refuse_secrets(self.tracking_uri, "--tracking-uri")
            if self.tracking_uri.startswith("sqlite") and not self.tracking_uri.startswith("sqlite:////"):
                raise ConfigError(
                    f"--tracking-uri {self.tracking_uri!r} is a file of this machine; give sqlite:////PATH with an "
                    "absolute path of the cluster, or the URI of a server"
                )


@dataclass(frozen=True)
class _Job:
    """A command that a cluster is to run."""

    submission_id: str
    words: Sequence[str]
    """Words of the command line, after `hmlc`."""
    folder: str
    """Folder that becomes its working directory."""
    metadata: Mapping[str, str]

    @classmethod
    def of_study(cls, study: str, number: int, words: Sequence[str], folder: str) -> _Job:
        """The study's job of that number, counted from 1."""
        submission_id = f"hmlc-{study}" + (f"-R{number}" if number > 1 else "")
        return cls(submission_id, words, folder, {schema.JOB_STUDY: study, schema.JOB_VERSION: hmlc_ray.__version__})


def submit(client: JobsClient, space: SpaceFile, workspace: JobWorkspace) -> tuple[str, str | None]:
    """Submit a new study as a job.

    Returns:
        The study's name, and what could not be checked on this machine because the data is elsewhere.

    Raises:
        ConfigError: if the space is wrong, or names what the cluster cannot have.
        StudyError: if the cluster has a study of that name.
    """
    workspace.check()
    sweep, unchecked = space.read()
    study = sweep.study.name
    before = attempts(client).get(study, [])
    _refuse_known(study, before, client.get_address())
    with scratch_folder("job") as folder:
        space.pack(sweep, folder)
        _start(client, _Job.of_study(study, len(before) + 1, ["sweep", *space.words], str(folder)), workspace)
    return study, unchecked


def submit_next(client: JobsClient, study: str, words: Sequence[str], workspace: JobWorkspace) -> str:
    """Submit `hmlc resume NAME` or `hmlc retry NAME --failed` as the study's next job; gives its id.

    A study that this head has no job of may still be known to the cluster's stores: its head may have been replaced.

    Raises:
        StudyError: if a job of the study is still active.
    """
    before = attempts(client).get(study, [])
    if before and before[-1].active:
        follow = command("logs", study, f=True, address=client.get_address())
        raise StudyError(f"study {study!r} {before[-1].status_words}: follow it with `{follow}`")
    last = before[-1] if before else None
    workspace = JobWorkspace(
        workspace.home or (last.home if last else None),
        workspace.tracking_uri or (last.tracking_uri if last else None),
        workspace.upload_package,
    )
    workspace.check()
    with scratch_folder("job") as folder:
        job = _Job.of_study(study, len(before) + 1, words, str(folder))
        _start(client, job, workspace)
    return job.submission_id


def stop(client: JobsClient, study: str, *, seconds: float = _STOP_SECONDS + 30) -> Attempt:
    """Stop a study's job and wait until it has: its driver closes its runs first.

    Raises:
        StudyError: if there is no such job, or it has already ended.
        JobError: if it still runs after `seconds`.
    """
    attempt = latest(client, study)
    if not attempt.active:
        raise StudyError(f"study {study!r} {attempt.status_words}: there is nothing to stop")
    with lost_head(client.get_address()):
        client.stop_job(attempt.submission_id)
    return wait(client, attempt, seconds=seconds)


def wait(client: JobsClient, attempt: Attempt, *, seconds: float = float("inf")) -> Attempt:
    """The job once it has ended.

    Raises:
        JobError: if it still runs after `seconds`, or the head is lost.
    """
    deadline = time.monotonic() + seconds
    while True:
        with lost_head(client.get_address()):
            ended = attempt_of(client.get_job_info(attempt.submission_id))
        if ended is not None and not ended.active:
            return ended
        if time.monotonic() > deadline:
            look = command("status", attempt.study, address=client.get_address())
            raise JobError(f"job {attempt.submission_id} still runs after {seconds:.0f} s; see `{look}`")
        time.sleep(0.5)


def log_text(client: JobsClient, attempt: Attempt) -> str:
    """All that a job has printed so far.

    Raises:
        JobError: if the head is lost, or the log is gone.
    """
    with lost_head(client.get_address()):
        try:
            return str(client.get_job_logs(attempt.submission_id))
        except RuntimeError as error:
            raise JobError(f"the log of job {attempt.submission_id} cannot be read: {error}") from error


def follow(client: JobsClient, attempt: Attempt, write: Callable[[str], None]) -> Attempt:
    """Pass on what a job prints for people until it ends, and return the ended job.

    Raises:
        JobError: if the head is lost.
    """

    log = PeoplesLog(write)

    async def tail() -> None:
        async for text in client.tail_job_logs(attempt.submission_id):
            log.feed(text)
        log.close()

    with lost_head(client.get_address()):
        try:
            asyncio.run(tail())
        except RuntimeError as error:
            raise ConnectionError(str(error)) from error
    return wait(client, attempt)


def _refuse_known(study: str, before: list[Attempt], address: str) -> None:
    """Refuse a name that was used before, unless its last job refused its input, which leaves nothing behind."""
    if not before or (before[-1].state == "FAILED" and before[-1].exit_code == USER_ERROR):
        return
    last = before[-1]
    if last.active:
        advice = f"follow it with `{command('logs', study, f=True, address=address)}`"
    elif last.state == "SUCCEEDED":
        advice = f"see `{command('best', study)}`"
    else:
        advice = f"resume it with `{command('resume', study, address=address)}`"
    raise StudyError(f"the study name {study!r} is taken: it {last.status_words}; {advice}, or choose another --name")


def run_once(client: JobsClient, submission_id: str, words: Sequence[str], workspace: JobWorkspace, folder: str) -> str:
    """Run a command without a study as a job, wait for its end and return what it printed; the job is deleted.

    Raises:
        JobError: if the head refuses it, or is lost.
    """
    _put(client, _Job(submission_id, words, folder, {}), workspace)
    with lost_head(client.get_address()):
        while not client.get_job_status(submission_id).is_terminal():
            time.sleep(0.5)
        try:
            log = str(client.get_job_logs(submission_id))
        except RuntimeError as error:
            raise JobError(f"the log of job {submission_id} cannot be read: {error}") from error
        client.delete_job(submission_id)
    return log


def _start(client: JobsClient, job: _Job, workspace: JobWorkspace) -> None:
    """Submit a study's job, with its workspace noted for the next one."""
    noted = {schema.JOB_HOME: workspace.home, schema.JOB_TRACKING_URI: workspace.tracking_uri}
    given = {name: value for name, value in noted.items() if value is not None}
    _put(client, replace(job, metadata={**job.metadata, **given}), workspace)


def _put(client: JobsClient, job: _Job, workspace: JobWorkspace) -> None:
    variables = {JOB_VARIABLE: job.submission_id, "RAY_JOB_STOP_WAIT_TIME_S": str(_STOP_SECONDS)}
    runtime_env: dict[str, Any] = {"working_dir": job.folder, "env_vars": variables}
    if workspace.upload_package:
        runtime_env["py_modules"] = [str(Path(hmlc_ray.__file__).parent)]
    with lost_head(client.get_address()):
        try:
            client.submit_job(
                entrypoint=entrypoint(job.words, workspace),
                submission_id=job.submission_id,
                metadata=dict(job.metadata),
                runtime_env=runtime_env,
            )
        except RuntimeError as error:
            if "already exists" in str(error):
                raise StudyError(f"the name is taken: job {job.submission_id} was submitted just now") from None
            raise JobError(f"the head refused the job: {first_line(error)[:300]}") from error


def entrypoint(words: Sequence[str], workspace: JobWorkspace) -> str:
    """The shell command of a job: the same `hmlc` command that a user would type on the head."""
    program = "python -m hmlc_ray.cli" if workspace.upload_package else "hmlc"
    command = f"{program} {shlex.join(words)} --address auto"
    # A path with ~ is the cluster user's; the default is resolved there too.
    command += f" --home {_CLUSTER_HOME if workspace.home is None else shlex.quote(workspace.home)}"
    return (
        command if workspace.tracking_uri is None else f"{command} --tracking-uri {shlex.quote(workspace.tracking_uri)}"
    )
