"""`hmlc taxonomy`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from hmlc_ray.cli.guard import guarded
from hmlc_ray.cli.options import Json

taxonomy = typer.Typer(name="taxonomy", help="Look at a label tree.", no_args_is_help=True, rich_markup_mode=None)


def show(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="An image folder, a .csv or .json file, or a name.", show_default=False),
    ],
    depth: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Print N levels only, and count the leaves below.")
    ] = None,
    drawing: Annotated[
        Path | None, typer.Option("--draw", metavar="FILE", help="Draw the whole tree too: .png, .svg or .pdf.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print a label tree: its levels, its classes, and whether it is balanced."""
    from hmlc_ray.taxonomies import load_taxonomy
    from hmlc_ray.taxonomies.text import render_text, summarise

    tree = load_taxonomy(source)
    if drawing is not None:
        from hmlc_ray.taxonomies.drawing import draw

        drawing = draw(tree, drawing)
    if as_json:
        typer.echo(json.dumps(tree.to_dict() | {"num_classes": tree.num_classes, "balanced": tree.is_balanced}))
        return
    typer.echo(render_text(tree, depth=depth))
    typer.echo(summarise(tree))
    if drawing is not None:
        typer.echo(f"drawing: {drawing}")


taxonomy.command()(guarded(show))
