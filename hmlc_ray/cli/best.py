"""`hmlc best`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hmlc_ray.cli.options import DEFAULT_HOME, Home, Json, StudyName, TrackingUri


def best(
    name: StudyName,
    emit_config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write its configuration; `hmlc train FILE` gives the same metrics."),
    ] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Show the best trial of a study."""
    from hmlc_ray.api import studies
    from hmlc_ray.cli.activity import activity

    with activity("loading MLflow"):
        result = studies.best(name, emit_config=emit_config, home=home, tracking_uri=tracking_uri)
    if as_json:
        from dataclasses import asdict

        from hmlc_ray.cli.json_output import print_json

        values = {"study": name, **asdict(result.row), "metrics": result.metrics}
        print_json({**values, "config": result.config.model_dump(mode="json")})
        return
    from hmlc_ray.cli.tables import print_best

    print_best(name, result)
    if emit_config is not None:
        from hmlc_ray.study.commands import command
        from hmlc_ray.study.workspace import Workspace

        again = command("train", emit_config, **Workspace.of(home, tracking_uri).options())
        typer.echo(f"configuration: {emit_config} (reproduce it with: {again})")
