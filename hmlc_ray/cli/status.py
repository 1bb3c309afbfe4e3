"""`hmlc status`."""

from __future__ import annotations

import json
import os
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
    from hmlc_ray.sweep.job_client import connect
    from hmlc_ray.sweep.status import as_json as plain
    from hmlc_ray.sweep.status import statuses

    # Whoever looks on, often on the head itself, must not slow down what is looked at.
    os.setpriority(os.PRIO_PROCESS, 0, max(os.getpriority(os.PRIO_PROCESS, 0), 10))
    client = None if address is None else connect(address)
    found = statuses(name, home=home, tracking_uri=tracking_uri, client=client)
    if as_json:
        values = [plain(status) for status in found]
        typer.echo(json.dumps(values if name is None else values[0], indent=2))
        return
    from hmlc_ray.cli.study_tables import print_statuses

    print_statuses(found)
