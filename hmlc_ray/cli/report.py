"""`hmlc report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hmlc_ray.cli.options import DEFAULT_HOME, Home, Json, TrackingUri, written
from hmlc_ray.names.counts import size

if TYPE_CHECKING:
    from hmlc_ray.report.write import WrittenReport
    from hmlc_ray.study.workspace import Workspace


def report(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME|RUN", help="Name of a study or a benchmark, STUDY:TRIAL, or a run's id.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None, written("FILE", "The .html file; by default in the home folder's folder of NAME.")
    ] = None,
    no_embedding: Annotated[
        bool, typer.Option("--no-embedding", help="Encode no samples: no map of them, no hardest confusions; faster.")
    ] = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Write a report as one HTML file, and log it to MLflow."""
    from hmlc_ray.api import calls
    from hmlc_ray.cli.json_output import print_json

    written = write(name, calls.workspace_of(home, tracking_uri), out, embedding=not no_embedding)
    if as_json:
        facts = {"run_id": written.run_id, "file": written.file, "logged": written.logged, "bytes": written.bytes}
        print_json(facts)
        return
    print_written(written)


def write(name: str, workspace: Workspace, out: Path | None = None, *, embedding: bool = True) -> WrittenReport:
    """Write the report, with notes on stderr."""
    from hmlc_ray.api import calls
    from hmlc_ray.cli.activity import activity
    from hmlc_ray.cli.guard import say

    with activity("starting the report"):
        return calls.report(name, workspace, out, embedding, lambda sentence: say(f"hmlc: {sentence}"))


def print_written(written: WrittenReport) -> None:
    """Where the report is; its file comes last."""
    if written.logged:
        typer.echo(f"logged to MLflow: run {written.run_id}, {written.artifact}")
    if written.file is not None:
        typer.echo(f"report: {written.file.absolute()} ({size(written.bytes)})")
