"""`hmlc taxonomy`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hmlc_ray.cli.guard import guarded
from hmlc_ray.cli.json_output import print_json
from hmlc_ray.cli.options import DEFAULT_HOME, Home, Json, Overrides, Target, TrackingUri, written

if TYPE_CHECKING:
    from hmlc_ray.taxonomy import Taxonomy

taxonomy = typer.Typer(
    name="taxonomy", help="Look at a label tree, or induce one.", no_args_is_help=True, rich_markup_mode=None
)

Depth = Annotated[int | None, typer.Option(min=1, metavar="N", help="Print only N levels, and count the leaves below.")]


def show(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="An image folder, a .csv or .json file, or a name.", show_default=False),
    ],
    depth: Depth = None,
    drawing: Annotated[Path | None, written("FILE", "Draw the whole tree too: .png, .svg or .pdf.", "--draw")] = None,
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
        print_json(_facts(tree))
        return
    typer.echo(render_text(tree, depth=depth))
    typer.echo(summarise(tree))
    if drawing is not None:
        typer.echo(f"drawing: {drawing}")


def induce(
    target: Target,
    override: Overrides = None,
    out: Annotated[
        Path | None, written("FILE", "Write the tree: a .json file that `data.taxonomy.file` takes.")
    ] = None,
    depth: Depth = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Induce a label tree from the features or confusions of a data set's classes, as data.taxonomy says."""
    from hmlc_ray.config.target import load_target
    from hmlc_ray.config.taxonomy import InducedTaxonomyConfig

    config = load_target(target, override or ())

    from hmlc_ray.runs.induction import made_tree
    from hmlc_ray.study.workspace import Workspace
    from hmlc_ray.taxonomies.text import render_text, summarise

    given = config.data.taxonomy
    tree = made_tree(
        config,
        given if isinstance(given, InducedTaxonomyConfig) else InducedTaxonomyConfig(),
        Workspace.of(home, tracking_uri),
        partial(typer.echo, err=True),
    )
    if out is not None:
        write_tree(tree, out)
    if as_json:
        print_json(_facts(tree))
        return
    typer.echo(render_text(tree, depth=depth))
    typer.echo(summarise(tree))
    if out is not None:
        typer.echo(f"tree: {out}")


def _facts(tree: Taxonomy) -> dict[str, Any]:
    return tree.to_dict() | {"num_classes": tree.num_classes, "balanced": tree.is_balanced}


def write_tree(tree: Taxonomy, out: Path) -> None:
    """Write a tree as a JSON file.

    Raises:
        TaxonomyError: if it has another suffix or cannot be written.
    """
    from hmlc_ray.errors import TaxonomyError, system_reason
    from hmlc_ray.files.atomic import write_whole

    if out.suffix.lower() != ".json":
        raise TaxonomyError(f"a tree is written to a .json file, not to {str(out)!r}")
    try:
        write_whole(out, json.dumps(tree.to_dict(), indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise TaxonomyError(f"cannot write {str(out)!r}: {system_reason(error)}") from error


taxonomy.command()(guarded(show))
taxonomy.command()(guarded(induce))
