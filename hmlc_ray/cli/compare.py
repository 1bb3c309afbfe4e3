"""`hmlc compare`."""

from __future__ import annotations

from typing import Annotated

import typer

from hmlc_ray.cli.completion import complete_runs
from hmlc_ray.cli.options import DEFAULT_HOME, Home, Json, TrackingUri


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN...",
            help="Ids of MLflow runs, STUDY:TRIAL, or names of studies (the best trial).",
            show_default=False,
            autocompletion=complete_runs,
        ),
    ],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Compare runs: the parameters in which they differ, and their metrics side by side."""
    from hmlc_ray.api import studies
    from hmlc_ray.cli.activity import activity

    with activity("loading MLflow"):
        comparison = studies.compare(runs, home=home, tracking_uri=tracking_uri)
    if as_json:
        from hmlc_ray.cli.json_output import print_json

        print_json(comparison)
        return
    from hmlc_ray.cli.compare_tables import print_comparison

    print_comparison(comparison)
