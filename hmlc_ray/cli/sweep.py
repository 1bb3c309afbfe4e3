"""`hmlc sweep` and `hmlc resume`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hmlc_ray.cli.jobs import as_job
from hmlc_ray.cli.options import (
    DEFAULT_HOME,
    Address,
    AnyAddress,
    File,
    Home,
    Overrides,
    Profile,
    StudyName,
    TrackingUri,
    Wait,
)

if TYPE_CHECKING:
    from hmlc_ray.study.summary import SweepSummary
    from hmlc_ray.study.workspace import Workspace


def sweep(
    space: File,
    name: Annotated[str | None, typer.Option(help="Study name, instead of study.name.")] = None,
    trials: Annotated[int | None, typer.Option(help="Number of trials, instead of study.num_trials.")] = None,
    override: Overrides = None,
    profile: Profile = None,
    report: Annotated[
        bool, typer.Option("--report", help="Write a report when it ends, as `hmlc report` does.")
    ] = False,
    address: Address = None,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Search: draw trials from a search space, train each one and rank them."""
    from hmlc_ray.api import studies
    from hmlc_ray.study.workspace import Workspace

    summary = studies.sweep(
        space,
        overrides=override or (),
        profile=profile,
        name=name,
        trials=trials,
        address=address,
        home=home,
        tracking_uri=tracking_uri,
        progress=True,
    )
    _conclude(summary, Workspace.of(home, tracking_uri, address), report=report)


def resume(
    context: typer.Context,
    name: StudyName,
    trials: Annotated[
        int | None,
        typer.Option(help="Total number of trials; a larger one extends a study, also one that is complete."),
    ] = None,
    address: AnyAddress = None,
    wait: Wait = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Resume an interrupted sweep, or add trials to a complete one; with the URL of a Jobs API, as a job there."""
    from hmlc_ray.api import studies

    studies.check_trials(trials)
    more = [] if trials is None else ["--trials", str(trials)]
    if as_job(context, name, ["resume", name, *more], address, wait):
        return
    from hmlc_ray.study.workspace import Workspace

    summary = studies.resume(name, trials=trials, address=address, home=home, tracking_uri=tracking_uri, progress=True)
    _conclude(summary, Workspace.of(home, tracking_uri, address))


def retry(
    context: typer.Context,
    name: StudyName,
    failed: Annotated[bool, typer.Option("--failed", help="All trials that failed.")] = False,
    address: AnyAddress = None,
    wait: Wait = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Run a study's failed trials again, with the same numbers and MLflow runs."""
    from hmlc_ray.errors import StudyError
    from hmlc_ray.study.workspace import Workspace

    workspace = Workspace.of(home, tracking_uri, address)
    if not failed:
        from hmlc_ray.study.commands import command

        again = command("retry", name, failed=True, **workspace.options_with_cluster())
        raise StudyError(f"say which trials run again: `{again}`")
    if as_job(context, name, ["retry", name, "--failed"], address, wait):
        return
    from hmlc_ray.api import studies

    summary = studies.retry(name, address=address, home=home, tracking_uri=tracking_uri, progress=True)
    _conclude(summary, workspace)


def _conclude(summary: SweepSummary, workspace: Workspace, *, report: bool = False) -> None:
    from hmlc_ray.cli.guard import FAILURE
    from hmlc_ray.cli.tables import print_sweep

    print_sweep(summary, workspace, reported=report)
    if report:
        from hmlc_ray.cli.report import print_written, write

        print_written(write(summary.study, workspace))
    if summary.best is None:
        raise typer.Exit(FAILURE)
