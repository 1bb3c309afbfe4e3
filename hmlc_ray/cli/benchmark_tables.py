"""What `hmlc benchmark` prints."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hmlc_ray.benchmark.comparison import FIGURES, Row
from hmlc_ray.benchmark.plan import Plan
from hmlc_ray.benchmark.report import cell_text
from hmlc_ray.cli.tables import output_console


def print_comparison(rows: Sequence[Row], baseline: str, console: Console | None = None) -> None:
    """A table per data set of the probes' top-1, levels from the coarsest on; other metrics are in the files."""
    console = console or output_console()
    for data in dict.fromkeys(row.data for row in rows):
        shown = [row for row in rows if row.data == data and row.figure == "probe_top1"]
        levels = list(dict.fromkeys(row.level for row in shown))
        title = f"{data}: {FIGURES['probe_top1']} on test, % (difference to {baseline} [95 % interval])"
        table = Table(title=escape(title), box=box.SIMPLE_HEAD, title_justify="left")
        table.add_column("arm")
        table.add_column("seeds", justify="right")
        for level in levels:
            table.add_column(escape(level))
        table.add_column("wins/ties/losses", justify="right")
        for arm in dict.fromkeys(row.arm for row in shown):
            own = {row.level: row for row in shown if row.arm == arm}
            last = own.get(levels[-1])
            counts = f"{last.against.wins}/{last.against.ties}/{last.against.losses}" if last and last.against else ""
            cells = [escape(cell_text(own[level])) if level in own else "" for level in levels]
            table.add_row(escape(arm), str(max(row.seeds for row in own.values())), *cells, counts)
        console.print(table)


def print_plan(plan: Plan, console: Console | None = None) -> None:
    """The runs that are left and their estimated cost."""
    console = console or output_console()
    table = Table(title="what is left", box=box.SIMPLE_HEAD, title_justify="left")
    for name in ("data", "arm"):
        table.add_column(name)
    for name in ("tuning trials", "cells", "seconds each", "hours"):
        table.add_column(name, justify="right")
    for row in plan.rows:
        table.add_row(
            escape(row.data),
            escape(row.arm),
            f"{row.trials_left} of {row.trials}",
            f"{row.cells_left} of {row.cells}",
            f"{row.seconds:.1f}",
            f"{row.left_seconds / 3600:.2f}",
        )
    console.print(table)
    total, at_once = sum(row.left_seconds for row in plan.rows) / 3600, plan.at_once
    console.print(f"{total:.2f} hours of training, {total / at_once:.2f} with {at_once} runs at once", highlight=False)
