"""`hmlc status`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from hmlc_ray.cli.options import DEFAULT_HOME, Home, Json, TrackingUri


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
    from hmlc_ray.api import studies

    if name is None:
        found = studies.status(address=address, home=home, tracking_uri=tracking_uri)
    else:
        found = [studies.status(name, address=address, home=home, tracking_uri=tracking_uri)]
    if as_json:
        from hmlc_ray.study.status import as_json as plain

        values = [plain(status) for status in found]
        typer.echo(json.dumps(values if name is None else values[0], indent=2))
        return
    from hmlc_ray.cli.study_tables import print_statuses

    print_statuses(found)
