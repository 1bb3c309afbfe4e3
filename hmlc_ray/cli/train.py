"""`hmlc train`."""

from __future__ import annotations

from typing import Annotated

import typer

from hmlc_ray.cli.options import DEFAULT_HOME, Address, File, Home, Overrides, TrackingUri


def train(
    file: File,
    override: Overrides = None,
    name: Annotated[str | None, typer.Option(help="MLflow run name; by default the file's.")] = None,
    address: Address = None,
    workers: Annotated[
        str | None, typer.Option(metavar="N|MIN:MAX", help="Ray Train workers; needs --address. Default: 1.")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Also evaluate the result on the test split.")] = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Train one configuration: a trial file, or the base of a search space.

    Runs in this process, or as a Ray Train run with --address.
    """
    from hmlc_ray.api import runs

    summary = runs.train(
        file,
        overrides=override or (),
        name=name,
        address=address,
        workers=workers,
        test=test,
        home=home,
        tracking_uri=tracking_uri,
        progress=True,
    )
    from hmlc_ray.cli.tables import print_run
    from hmlc_ray.study.workspace import Workspace

    print_run(summary, Workspace.of(home, tracking_uri, address))
