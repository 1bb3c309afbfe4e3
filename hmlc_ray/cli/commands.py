"""The commands of `hmlc` by name, each imported when it is needed."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from hmlc_ray import __version__
from hmlc_ray.cli.guard import guarded

# In the order of `hmlc --help`.
COMMANDS = {
    "train": "train",
    "sweep": "sweep",
    "benchmark": "benchmark",
    "resume": "sweep",
    "best": "best",
    "report": "report",
    "compare": "compare",
    "probe": "probe",
    "embed": "embed",
    "check": "check",
    "new": "new",
    "ui": "ui",
    "submit": "jobs",
    "status": "status",
    "watch": "watch",
    "logs": "jobs",
    "stop": "jobs",
    "retry": "sweep",
    "reap": "reap",
    "doctor": "doctor",
    "list": "jobs",
}
"""The module of each command, whose function has the command's name."""
_FUNCTIONS = {"list": "list_studies"}
"""Functions of another name."""
GROUPS = ("taxonomy", "data")
"""Commands with commands of their own, by their modules."""


def make_app(only: str | None = None) -> typer.Typer:
    """All commands; or the one that is called, since making the others takes a tenth of `hmlc check`."""
    app = typer.Typer(
        name="hmlc",
        no_args_is_help=True,
        add_completion=only is None,
        # Plain help: Rich's takes more than twice as long to load as everything else in `hmlc --help`.
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        callback=_hmlc,
    )
    for name in COMMANDS if only is None else (only,):
        command = getattr(import_module(f"hmlc_ray.cli.{COMMANDS[name]}"), _FUNCTIONS.get(name, name))
        app.command(name)(guarded(command))
    for name in GROUPS if only is None else ():
        app.add_typer(getattr(import_module(f"hmlc_ray.cli.{name}"), name))
    return app


def app_for(arguments: list[str]) -> typer.Typer:
    """What can run this command line: with the names of all commands where they may be shown."""
    return make_app(arguments[0] if arguments and arguments[0] in COMMANDS else None)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hmlc-ray {__version__}")
        raise typer.Exit


def _hmlc(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Search for hierarchical contrastive encoders, on Ray."""
