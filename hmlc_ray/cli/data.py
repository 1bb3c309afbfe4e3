"""`hmlc data`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hmlc_ray.cli.guard import guarded
from hmlc_ray.cli.json_output import print_json
from hmlc_ray.cli.options import DEFAULT_HOME, Home, Json, Overrides, Target, TrackingUri, written

if TYPE_CHECKING:
    from hmlc_ray.config.trial import TrialConfig
    from hmlc_ray.data.report import Prepared

data = typer.Typer(name="data", help="Get data ready, and look at it.", no_args_is_help=True, rich_markup_mode=None)


def prepare(
    target: Target,
    override: Overrides = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Download, verify and decode a data set into the cache, and induce its tree if asked to, ahead of a sweep."""
    from hmlc_ray.config.target import load_target

    config = load_target(target, override or ())

    from hmlc_ray.cli.activity import activity
    from hmlc_ray.data.report import prepare as prepare_data
    from hmlc_ray.home import Home as HomeFolder

    config = _with_tree(config, home, tracking_uri)
    with HomeFolder.of(home).current():
        with activity("preparing the data"):
            prepared = prepare_data(config.data)
        if as_json:
            print_json(_prepared_facts(config.data.kind, prepared))
            return
        typer.echo(_prepared_line(config.data.kind, prepared))
    for note in prepared.data.notes:
        typer.echo(f"note: {note}")


def show(
    target: Target,
    override: Overrides = None,
    depth: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="Print N levels of the tree, and count the leaves below."),
    ] = None,
    out: Annotated[Path | None, written("FILE", "Draw samples with two views of each: a .png file.")] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Count a data set's samples per class, level and split; print its tree; draw its views."""
    from hmlc_ray.config.target import load_target

    config = load_target(target, override or ())

    from hmlc_ray.api.encoders import load_data
    from hmlc_ray.cli.activity import activity
    from hmlc_ray.data.report import describe, draw_tree

    config = _with_tree(config, home, tracking_uri)
    with activity("reading the data"):
        prepared_data = load_data(config, home=home)
        if out is not None:
            from hmlc_ray.data.contact_sheet import write_contact_sheet

            write_contact_sheet(prepared_data, config, out)
    if as_json:
        print_json(describe(prepared_data))
        return
    typer.echo(draw_tree(prepared_data, depth))
    for line in _lines(describe(prepared_data)):
        typer.echo(line)
    if out is not None:
        typer.echo(f"contact sheet: {out}")


def _with_tree(config: TrialConfig, home: Path, tracking_uri: str | None) -> TrialConfig:
    """With a tree that is to be induced or read; what takes its time is said on standard error."""
    from hmlc_ray.runs.induction import with_tree
    from hmlc_ray.study.workspace import Workspace

    return with_tree(config, Workspace.of(home, tracking_uri), partial(typer.echo, err=True))


def _prepared_facts(kind: str, prepared: Prepared) -> dict[str, object]:
    return {
        "kind": kind,
        "samples": {name: len(split) for name, split in prepared.splits().items()},
        "cache": prepared.cache,
        "new_entries": prepared.new_entries,
        "repaired": prepared.repaired,
        "seconds": prepared.seconds,
        "notes": prepared.data.notes,
    }


def _prepared_line(kind: str, prepared: Prepared) -> str:
    sizes = ", ".join(f"{len(s):,} {name}" for name, s in prepared.splits().items())
    done = "nothing was left to do" if not prepared.new_entries else f"decoded into {prepared.cache}"
    if prepared.repaired:
        done = f"what was cached was damaged, and is decoded again into {prepared.cache}"
    return f"{kind}: {sizes}; {done}; {prepared.seconds:.1f} s"


def _lines(facts: dict[str, Any]) -> list[str]:
    splits = ", ".join(f"{count:,} {name}" for name, count in facts["samples"].items())
    ratios = ", ".join(
        f"{level['name']} " + ("a class without samples" if level["imbalance"] is None else f"{level['imbalance']:.3g}")
        for level in facts["levels"]
    )
    pairs = ((pair.split("/"), count) for pair, count in facts["duplicates"].items() if count)
    repeated = ", ".join(f"{count} of {later} are in {earlier}" for (earlier, later), count in pairs)
    return [
        f"samples: {splits}; each {'x'.join(map(str, facts['shape']))}",
        f"imbalance in train, largest class by smallest: {ratios}",
        f"the same samples in several splits: {repeated or 'none'}",
        f"kept in: {facts['place']}",
        f"fingerprint: {facts['fingerprint']}",
        *(f"note: {note}" for note in facts["notes"]),
    ]


data.command()(guarded(prepare))
data.command()(guarded(show))
