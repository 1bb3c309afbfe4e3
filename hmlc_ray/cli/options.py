"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hmlc_ray.cli.completion import complete_kinds, complete_profiles, complete_studies
from hmlc_ray.home import DEFAULT, VARIABLE

DEFAULT_HOME = Path(DEFAULT)
STDOUT = Path("-")


def no_stdout(path: Path | None) -> Path | None:
    """What is written to a path, but not to standard output: a callback of such an option.

    Raises:
        typer.BadParameter: if `-` asks for standard output.
    """
    if path == STDOUT:
        raise typer.BadParameter("this is not written to standard output (-): give a path")
    return path


def written(metavar: str, text: str, *names: str) -> Any:
    """An option that names what is written, a file or a folder."""
    return typer.Option(*names, callback=no_stdout, metavar=metavar, help=text)


File = Annotated[  # as it was typed: `./digits` is a path, and a `Path` would be `digits`
    str, typer.Argument(metavar="FILE", help="A YAML file, or the name of one of the package.", show_default=False)
]
Target = Annotated[
    str,
    typer.Argument(
        metavar="KIND|FILE",
        help="A kind of data, with its keys by -o; or a YAML file.",
        show_default=False,
        autocompletion=complete_kinds,
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--override", "-o", metavar="PATH=VALUE", help="Set a key, e.g. -o objective.temperature=0.2."),
]
Home = Annotated[
    Path, typer.Option(envvar=VARIABLE, metavar="FOLDER", help="Folder for the embedded stores, checkpoints, exports.")
]
TrackingUri = Annotated[
    str | None,
    typer.Option(envvar="MLFLOW_TRACKING_URI", metavar="URI", help="MLflow store; by default the home folder's."),
]
Address = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Ray cluster: local (started here), auto (runs here), or host:port."),
]
AnyAddress = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Ray cluster: local, auto, host:port; or http://HEAD:8265, as a job there."),
]
Wait = Annotated[bool, typer.Option("--wait", help="Follow the job; exits with 0 or 1 as it ends.")]
JobsAddress = Annotated[
    str,
    typer.Option(
        envvar="RAY_API_SERVER_ADDRESS",
        metavar="URL",
        help="URL of the head's Jobs API: http://HEAD:8265.",
        show_default=False,
    ),
]
StudyName = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Study name.", show_default=False, autocompletion=complete_studies),
]
OptionalStudy = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="Study name. Default: all of them.", autocompletion=complete_studies),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Profile = Annotated[
    str | None, typer.Option(help="An entry of the file's `profiles`, laid over it.", autocompletion=complete_profiles)
]
