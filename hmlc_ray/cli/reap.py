"""`hmlc reap`."""

from __future__ import annotations

from typing import Annotated

import typer

from hmlc_ray.cli.completion import complete_studies
from hmlc_ray.cli.options import DEFAULT_HOME, Home, Json, TrackingUri


def reap(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]",
            help="Name of a study or benchmark. Default: all runs.",
            autocompletion=complete_studies,
        ),
    ] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Close what an earlier crash left RUNNING, where no driver is alive."""
    from rich.console import Console

    from hmlc_ray.api.progress import sweep_progress
    from hmlc_ray.study.workspace import Workspace
    from hmlc_ray.sweep.reap import reap as close

    workspace = Workspace.of(home, tracking_uri)
    console = Console(stderr=True, emoji=False) if as_json else None
    with sweep_progress(name or "reap", console=console, first=None) as progress:
        closed_runs = close(name, workspace, progress)
    if as_json:
        from hmlc_ray.cli.json_output import print_json

        print_json(closed_runs)
        return
    for entry in closed_runs:
        what = entry.name if entry.is_study else f"run {entry.name}"
        if entry.left is not None:
            typer.echo(f"{what}: left alone: {entry.left}")
            continue
        closed = f"closed {entry.runs} MLflow runs" + (f" and {entry.trials} Optuna trials" if entry.trials else "")
        resume = workspace.resume_command(entry.name)
        typer.echo(f"{what}: {closed}" + (f"; resume it with: {resume}" if entry.is_study else ""))
    if not closed_runs:
        typer.echo("nothing was left running")
