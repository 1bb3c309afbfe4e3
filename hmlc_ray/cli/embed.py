"""`hmlc embed`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hmlc_ray.cli.completion import complete_runs
from hmlc_ray.cli.json_output import print_json
from hmlc_ray.cli.options import DEFAULT_HOME, Home, Json, Overrides, TrackingUri, written
from hmlc_ray.names.counts import many


def embed(
    source: Annotated[
        str,
        typer.Argument(
            metavar="STUDY|RUN|FOLDER",
            help="A study, an MLflow run's id, or a folder with a checkpoint or an exported encoder.",
            show_default=False,
            autocompletion=complete_runs,
        ),
    ],
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="A folder, table, manifest, YAML file or kind of data; by default what it was trained on.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path, written("FOLDER", "Folder for the table, made where it is missing.")] = Path("table"),
    override: Overrides = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Write an encoder's features of a data set as a table, which `data.kind: features` reads."""
    from hmlc_ray.api import runs
    from hmlc_ray.cli.activity import activity

    with activity("loading torch and the encoder"):
        done = runs.embed(source, data=data, out=out, overrides=override or (), home=home, tracking_uri=tracking_uri)
    if as_json:
        print_json({"table": done.file, "rows": done.rows, "feature_dim": done.feature_dim, "notes": done.notes})
        return
    rows = ", ".join(f"{count:,} {name}" for name, count in done.rows.items())
    typer.echo(f"{done.file}: {rows}; {many(done.feature_dim, 'feature')} each")
    for note in done.notes:
        typer.echo(f"note: {note}")
    typer.echo(f"use it as: data: {{kind: features, file: {out}}}")
