"""The commands of `hmlc`, and nothing that is slow to import."""

from __future__ import annotations

from typing import Annotated

import typer

from hmlc_ray import __version__
from hmlc_ray.cli.benchmark import benchmark
from hmlc_ray.cli.best import best
from hmlc_ray.cli.check import check
from hmlc_ray.cli.data import data
from hmlc_ray.cli.doctor import doctor
from hmlc_ray.cli.embed import embed
from hmlc_ray.cli.guard import guarded
from hmlc_ray.cli.jobs import list_studies, logs, stop, submit
from hmlc_ray.cli.probe import probe
from hmlc_ray.cli.reap import reap
from hmlc_ray.cli.status import status
from hmlc_ray.cli.sweep import resume, retry, sweep
from hmlc_ray.cli.taxonomy import taxonomy
from hmlc_ray.cli.train import train
from hmlc_ray.cli.ui import ui

app = typer.Typer(
    name="hmlc",
    no_args_is_help=True,
    add_completion=False,
    # Plain help: Rich's takes more than twice as long to load as everything else in `hmlc --help`.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_STUDIES = (train, sweep, benchmark, resume, best, probe, embed, check, ui)
_JOBS = (submit, status, logs, stop, retry, reap, doctor)
for _command in (*_STUDIES, *_JOBS):
    app.command()(guarded(_command))
app.command("list")(guarded(list_studies))
app.add_typer(taxonomy)
app.add_typer(data)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hmlc-ray {__version__}")
        raise typer.Exit


@app.callback()
def hmlc(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Search for hierarchical contrastive encoders, on Ray."""
