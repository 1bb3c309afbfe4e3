"""`hmlc submit`, `hmlc logs`, `hmlc stop` and `hmlc list`: studies as jobs of a Ray cluster."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from hmlc_ray.cli.options import File, JobsAddress, Json, Overrides, Profile, StudyName, TrackingUri, Wait

if TYPE_CHECKING:
    from hmlc_ray.sweep.jobs.attempts import Attempt
    from hmlc_ray.sweep.jobs.client import JobsClient
    from hmlc_ray.sweep.jobs.submit import JobWorkspace

UploadPackage = Annotated[
    bool,
    typer.Option("--upload-package", help="Send this machine's hmlc_ray to a cluster that has only what it needs."),
]


def submit(
    space: File,
    address: JobsAddress,
    name: Annotated[str | None, typer.Option(help="Study name, instead of study.name.")] = None,
    trials: Annotated[int | None, typer.Option(help="Number of trials, instead of study.num_trials.")] = None,
    override: Overrides = None,
    profile: Profile = None,
    wait: Wait = False,
    home: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER", help="Home folder that the cluster's nodes share. Default: its HMLC_HOME, ~/hmlc-home."
        ),
    ] = None,
    tracking_uri: TrackingUri = None,
    upload_package: UploadPackage = False,
) -> None:
    """Submit a search as a job of a cluster; it does not need this machine to stay on."""
    from hmlc_ray.config.packaged import configuration_file
    from hmlc_ray.sweep.jobs.attempts import latest
    from hmlc_ray.sweep.jobs.client import connect
    from hmlc_ray.sweep.jobs.submit import JobWorkspace
    from hmlc_ray.sweep.jobs.submit import submit as submit_job
    from hmlc_ray.sweep.jobs.upload import SpaceFile

    client = connect(address)
    overrides = [*(override or ())]
    overrides += [] if name is None else [f"study.name={json.dumps(name)}"]
    overrides += [] if trials is None else [f"study.num_trials={trials}"]
    file = SpaceFile(configuration_file(space), tuple(overrides), profile)
    study, unchecked = submit_job(client, file, JobWorkspace(home, tracking_uri, upload_package))
    if unchecked is not None:
        typer.echo(f"not checked here, but on the cluster: {unchecked}", err=True)
    report_submission(client, study, address)
    if wait:
        follow_to_end(client, latest(client, study))


def logs(
    name: StudyName,
    address: JobsAddress,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the log until the job ends.")] = False,
) -> None:
    """Print what a study's job printed; -f exits with 0 or 1 as the job ends."""
    from hmlc_ray.study.status_line import for_people
    from hmlc_ray.sweep.jobs.attempts import latest
    from hmlc_ray.sweep.jobs.client import connect
    from hmlc_ray.sweep.jobs.submit import log_text

    client = connect(address)
    attempt = latest(client, name)
    if follow:
        follow_to_end(client, attempt)
    else:
        typer.echo(for_people(log_text(client, attempt)), nl=False)


def stop(name: StudyName, address: JobsAddress) -> None:
    """Stop a study's job and close its runs; `hmlc resume` continues it."""
    from hmlc_ray.study.commands import command
    from hmlc_ray.sweep.jobs.client import connect
    from hmlc_ray.sweep.jobs.submit import stop as stop_job

    attempt = stop_job(connect(address), name)
    typer.echo(f"{name} {attempt.status_words}; resume it with: {command('resume', name, address=address)}")


def list_studies(address: JobsAddress, as_json: Json = False) -> None:
    """List the studies that a cluster has jobs of."""
    from hmlc_ray.sweep.jobs.attempts import attempts
    from hmlc_ray.sweep.jobs.head import Head

    last = [jobs[-1] for jobs in attempts(Head(address)).values()]
    if as_json:
        from hmlc_ray.cli.json_output import print_json

        print_json(last)
        return
    from hmlc_ray.cli.study_tables import print_jobs

    print_jobs(last)


def as_job(context: typer.Context, name: str, words: list[str], address: str | None, wait: bool) -> bool:
    """Submit a command about a study as its next job if the address is a Jobs API's; return whether it was submitted.

    Home and store are those of the study's last job, unless they are given on the command line.

    Raises:
        ConfigError: if `--wait` has nothing to wait for.
    """
    from hmlc_ray.errors import ConfigError

    if address is None or not address.startswith(("http://", "https://")):
        if wait:
            raise ConfigError(
                "--wait needs the --address of a Jobs API, http://HEAD:8265: without one nothing is submitted"
            )
        return False
    from hmlc_ray.sweep.jobs.attempts import latest
    from hmlc_ray.sweep.jobs.client import connect
    from hmlc_ray.sweep.jobs.submit import submit_next

    client = connect(address)
    submit_next(client, name, words, typed_workspace(context))
    report_submission(client, name, address)
    if wait:
        follow_to_end(client, latest(client, name))
    return True


def typed_workspace(context: typer.Context) -> JobWorkspace:
    """The workspace of the command line alone: the environment here is not the cluster's."""
    from hmlc_ray.sweep.jobs.submit import JobWorkspace

    def typed(option: str) -> str | None:
        source = context.get_parameter_source(option)
        return str(context.params[option]) if source is not None and source.name == "COMMANDLINE" else None

    return JobWorkspace(typed("home"), typed("tracking_uri"))


def report_submission(client: JobsClient, study: str, address: str) -> None:
    """Print what was submitted and the commands that follow it."""
    from hmlc_ray.study.commands import command

    typer.echo(f"submitted {study} to {client.get_address()}")
    for verb in ("status", "logs", "stop"):
        typer.echo(f"  {command(verb, study, f=verb == 'logs', address=address)}")


def follow_to_end(client: JobsClient, attempt: Attempt) -> None:
    """Print a job's log until it ends, and exit with 1 unless it was complete."""
    from hmlc_ray.errors import JobError
    from hmlc_ray.study.commands import command
    from hmlc_ray.sweep.jobs.submit import follow

    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    try:
        ended = follow(client, attempt, write)
    except KeyboardInterrupt:
        study, address = attempt.study, client.get_address()
        raise KeyboardInterrupt(
            f"interrupted; the job still runs: `{command('logs', study, f=True, address=address)}` follows it again, "
            f"`{command('stop', study, address=address)}` stops it"
        ) from None
    if ended.state != "SUCCEEDED":
        raise JobError(f"{ended.study} {ended.status_words}")
