"""`hmlc doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hmlc_ray.cli.options import DEFAULT_HOME, AnyAddress, Home, Json, Overrides, Profile, TrackingUri

if TYPE_CHECKING:
    from hmlc_ray.config.sweep import SweepConfig
    from hmlc_ray.sweep.doctor.checks import Finding


def doctor(
    context: typer.Context,
    space: Annotated[Path | None, typer.Argument(metavar="[SPACE]", help="The search space that is to run.")] = None,
    address: AnyAddress = None,
    override: Overrides = None,
    profile: Profile = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
    tracking_uri: TrackingUri = None,
) -> None:
    """Find out whether a sweep can run: the cluster, its nodes, its stores. Exits with 1 and what to mend first."""
    sweep = None if space is None else _read(space, override, profile)
    if address is not None and address.startswith(("http://", "https://")):
        from hmlc_ray.cli.jobs import typed
        from hmlc_ray.sweep.doctor.remote import examine_there
        from hmlc_ray.sweep.jobs.submit import Places

        places = Places(typed(context, "home"), typed(context, "tracking_uri"))
        found = examine_there(address, space, sweep, override or (), profile, places)
    else:
        from hmlc_ray.sweep.doctor.checks import examine

        found = examine(sweep, address=address, home=home, tracking_uri=tracking_uri)
    wrong = [finding for finding in found if finding.level == "fail"]
    if as_json:
        typer.echo(json.dumps({"findings": [asdict(finding) for finding in found]}))
    else:
        _show(found, wrong)
    if wrong:
        raise typer.Exit(1)


def _read(space: Path, override: list[str] | None, profile: str | None) -> SweepConfig:
    from hmlc_ray.sweep.jobs.upload import read_space

    return read_space(space, override or (), profile)[0]


def _show(found: list[Finding], wrong: list[Finding]) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from hmlc_ray.cli.tables import output_console

    console = output_console()
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("looked at", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("found", overflow="fold")
    for finding in found:
        table.add_row(finding.what, finding.level, escape(finding.text), style="bold" if finding in wrong else None)
    console.print(table)
    if not wrong:
        typer.echo("all is well")
        return
    fix = f"; {wrong[0].fix}" if wrong[0].fix else ""
    more = f" ({len(wrong) - 1} more to mend after it)" if len(wrong) > 1 else ""
    typer.echo(f"first thing to fix: {wrong[0].what}: {wrong[0].text}{fix}{more}")
