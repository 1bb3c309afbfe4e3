"""`hmlc status`."""

from __future__ import annotations

from typing import Annotated

import typer

from hmlc_ray.cli.options import DEFAULT_HOME, Home, Json, OptionalStudy, TrackingUri


def status(
    name: OptionalStudy = None,
    address: Annotated[
        str | None,
        typer.Option(
            envvar="RAY_API_SERVER_ADDRESS",
            metavar="URL",
            help="URL of a head's Jobs API. Default: ask the store alone.",
        ),
    ] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Show the status of studies: their trials, the best so far, and their jobs."""
    from hmlc_ray.api import studies
    from hmlc_ray.cli.activity import activity

    with activity("loading MLflow" if address is None else "asking the cluster"):
        if name is None:
            statuses = studies.status(address=address, home=home, tracking_uri=tracking_uri)
        else:
            statuses = [studies.status(name, address=address, home=home, tracking_uri=tracking_uri)]
    if as_json:
        from hmlc_ray.cli.json_output import print_json
        from hmlc_ray.study.status import as_json as plain

        values = [plain(status) for status in statuses]
        print_json(values if name is None else values[0])
        return
    from hmlc_ray.cli.study_tables import print_statuses

    print_statuses(statuses)
