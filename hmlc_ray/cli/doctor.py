"""`hmlc doctor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hmlc_ray.cli.json_output import print_json
from hmlc_ray.cli.options import DEFAULT_HOME, AnyAddress, Home, Json, Overrides, Profile, TrackingUri

if TYPE_CHECKING:
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
    """Check whether a sweep can run: the cluster, its nodes, its stores. Exits with 1 and names what to fix first."""
    from hmlc_ray.sweep.jobs.upload import SpaceFile

    file = None if space is None else SpaceFile(space, tuple(override or ()), profile)
    if address is not None and address.startswith(("http://", "https://")):
        from hmlc_ray.cli.jobs import typed_workspace
        from hmlc_ray.sweep.doctor.remote import examine_there

        findings = examine_there(address, file, typed_workspace(context))
    else:
        from hmlc_ray.study.workspace import Workspace
        from hmlc_ray.sweep.doctor.checks import examine

        findings = examine(None if file is None else file.read()[0], Workspace.of(home, tracking_uri, address))
    wrong = [finding for finding in findings if finding.level == "fail"]
    if as_json:
        print_json({"findings": findings}, indent=None)  # `examine_there` looks for this line in a log
    else:
        show_findings(findings)
    if wrong:
        raise typer.Exit(1)


def show_findings(findings: list[Finding]) -> None:
    """A row per check, then what to fix first."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from hmlc_ray.cli.tables import output_console

    console, wrong = output_console(), [finding for finding in findings if finding.level == "fail"]
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("looked at", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("found", overflow="fold")
    for finding in findings:
        table.add_row(finding.what, finding.level, escape(finding.text), style="bold" if finding in wrong else None)
    console.print(table)
    if not wrong:
        typer.echo("all is well")
        return
    fix = f"; {wrong[0].fix}" if wrong[0].fix else ""
    more = f" ({len(wrong) - 1} more to fix after it)" if len(wrong) > 1 else ""
    typer.echo(f"first thing to fix: {wrong[0].what}: {wrong[0].text}{fix}{more}")
