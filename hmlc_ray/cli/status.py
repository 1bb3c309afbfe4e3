"""`hmlc status`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from hmlc_ray.cli.options import DEFAULT_HOME, Home, Json, TrackingUri

if TYPE_CHECKING:
    from hmlc_ray.study.status import StudyOverview
    from hmlc_ray.study.workspace import Workspace


def status(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Of the study. Default: all.")] = None,
    address: Annotated[
        str | None,
        typer.Option(
            envvar="RAY_API_SERVER_ADDRESS", metavar="URL", help="Of a head's Jobs API. Default: the store alone."
        ),
    ] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Show how studies stand: their trials, the best so far, and their jobs."""
    from hmlc_ray.study.workspace import Workspace

    found = _found(name, address, Workspace.of(home, tracking_uri))
    if as_json:
        from hmlc_ray.study.status import as_json as plain

        values = [plain(status) for status in found]
        typer.echo(json.dumps(values if name is None else values[0], indent=2))
        return
    from hmlc_ray.cli.study_tables import print_statuses

    print_statuses(found)


def _found(name: str | None, address: str | None, workspace: Workspace) -> list[StudyOverview]:
    if address is None:
        from hmlc_ray.study.status import statuses

        return statuses(name, workspace)
    from hmlc_ray.sweep.jobs.client import connect
    from hmlc_ray.sweep.jobs.status import job_statuses

    return job_statuses(name, workspace, connect(address))
