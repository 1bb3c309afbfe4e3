"""`hmlc probe`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from hmlc_ray.cli.completion import complete_runs
from hmlc_ray.cli.json_output import print_json
from hmlc_ray.cli.options import DEFAULT_HOME, Home, Json, TrackingUri, no_stdout
from hmlc_ray.errors import ConfigError


class Split(StrEnum):
    VAL = "val"
    TEST = "test"


def probe(
    target: Annotated[
        str,
        typer.Argument(
            metavar="RUN|STUDY|CHECKPOINT",
            help="An MLflow run's id, a study's name, or a folder.",
            show_default=False,
            autocompletion=complete_runs,
        ),
    ],
    folder: Annotated[
        Path | None,
        typer.Argument(
            callback=no_stdout, metavar="DIR", help="Folder for --report; by default the run's in the home folder."
        ),
    ] = None,
    split: Annotated[Split, typer.Option(help="Split to evaluate on.")] = Split.VAL,
    open_set: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Samples of no known class: a folder, table, CSV file of paths, YAML file or kind of data.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        bool, typer.Option("--report", help="Also write pictures and numbers of what it has learnt to DIR and the run.")
    ] = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Evaluate a trained encoder: linear probes, kNN and tree metrics on its frozen features."""
    from hmlc_ray.api import runs
    from hmlc_ray.cli.activity import activity

    judged: Literal["val", "test"] = "test" if split is Split.TEST else "val"
    if folder is not None and not report:
        raise ConfigError(f"the folder {str(folder)!r} is for a report: give --report too")
    found, where = None, True if folder is None else folder
    with activity("loading torch and the encoder"):
        if report:
            found = runs.diagnose(
                target, split=judged, report=where, open_set=open_set, home=home, tracking_uri=tracking_uri
            )
            metrics = found.evaluation | found.metrics()
        else:
            metrics = runs.probe(target, split=judged, open_set=open_set, home=home, tracking_uri=tracking_uri)
    if as_json:
        print_json(dict(sorted(metrics.items())))
        return
    from hmlc_ray.cli.tables import print_metrics

    print_metrics(metrics, judged)
    if found is not None:
        run = f"; logged to run {found.run_id}" if found.run_id else ""
        typer.echo(f"report: {found.folder}{run}")
