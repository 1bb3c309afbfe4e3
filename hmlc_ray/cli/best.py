"""`hmlc best`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hmlc_ray.cli.options import DEFAULT_HOME, STDOUT, Home, Json, StudyName, TrackingUri
from hmlc_ray.errors import ConfigError


def best(
    name: StudyName,
    emit_config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write its configuration; `hmlc train FILE` gives the same metrics. To standard output, and alone: -",
        ),
    ] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Show the best trial of a study."""
    from hmlc_ray.api import studies
    from hmlc_ray.cli.activity import activity

    alone = emit_config == STDOUT
    if alone and as_json:
        raise ConfigError("--emit-config - and --json both print to standard output; what --json prints has the config")
    with activity("loading MLflow"):
        file = None if alone else emit_config
        result = studies.best(name, emit_config=file, home=home, tracking_uri=tracking_uri)
    if alone:
        from hmlc_ray.config.files import dump_trial

        typer.echo(dump_trial(result.config), nl=False)
        return
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
