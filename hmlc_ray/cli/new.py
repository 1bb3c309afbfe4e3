"""`hmlc new`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from hmlc_ray.cli.options import DEFAULT_HOME, Home, Json, Overrides, written

if TYPE_CHECKING:
    from hmlc_ray.api.starting import Kind
    from hmlc_ray.runs.starting.proposal import NewSpace


def new(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="Images, meshes or clouds in class folders; a Hugging Face data set; a table; or a list of images.",
            show_default=False,
        ),
    ],
    out: Annotated[Path | None, written("FILE", "The file to write; by default FOLDER's name with .yaml.")] = None,
    kind: Annotated[str | None, typer.Option(help="Kind of data, where FOLDER holds several.")] = None,
    override: Overrides = None,
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Train a short epoch, to estimate the time.")
    ] = True,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Look at your data and write a search space for them, with comments and a smoke profile."""
    from hmlc_ray.api import starting
    from hmlc_ray.cli.activity import activity

    with activity("looking at the data"):
        made = starting.new(
            folder,
            out=out,
            kind=cast("Kind | None", kind),
            overrides=override or (),
            measure=measure,
            home=home,
            note=partial(typer.echo, err=True),
        )
    if as_json:
        from hmlc_ray.cli.json_output import print_json

        print_json(made)
        return
    for line in _lines(made):
        typer.echo(line)


def _lines(made: NewSpace) -> list[str]:
    from hmlc_ray.study.commands import command

    levels = " > ".join(f"{name} ({count})" for name, count in zip(made.level_names, made.classes, strict=True))
    samples = ", ".join(f"{count:,} {split}" for split, count in made.samples.items())
    ratios = ", ".join(f"{name} {ratio:.3g}" for name, ratio in made.imbalance.items())
    return [
        f"levels: {levels}",
        f"samples: {samples}; trained on: {'GPU' if made.device == 'cuda' else 'CPU'}",
        f"imbalance, largest class by smallest: {ratios}",
        *(f"note: {note}" for note in made.notes),
        f"search space: {made.file}",
        f"  try it: {command('sweep', made.file, profile='smoke', name=f'{made.study}-smoke')}",
        f"  run it: {command('sweep', made.file)}",
    ]
