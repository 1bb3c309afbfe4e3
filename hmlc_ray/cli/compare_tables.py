"""What `hmlc compare` prints."""

from __future__ import annotations

import re

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hmlc_ray.api.text import print_text
from hmlc_ray.cli.tables import FIGURES, output_console
from hmlc_ray.names.counts import many
from hmlc_ray.study.comparison import ComparedRun, Comparison

_LONG = re.compile(r"\d+\.\d{4,}(?:e-?\d+)?")


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """The runs, the parameters in which they differ, and a table of metrics for each split."""
    console = console or output_console()
    for run in comparison.runs:
        print_text(console, f"{run.name}: {_about(run)}")
    if comparison.parameters:
        console.print(_parameters(comparison))
    else:
        print_text(console, "no parameter differs")
    splits = dict.fromkeys(name.partition("/")[0] for name in comparison.metrics)
    for split in splits:
        console.print(_metrics(comparison, split))
    if not splits:
        print_text(console, "none of them has been evaluated")


def _about(run: ComparedRun) -> str:
    what = "" if run.trial is None else f"trial {run.trial}, "
    parts = [f"{what}run {run.run_id}", run.status]
    parts += [] if run.epochs is None else [many(run.epochs, "epoch")]
    parts += [] if run.seconds is None else [f"{run.seconds:.0f} s"]
    parts += [] if run.refit is None else [f"test metrics of its refit, run {run.refit}"]
    return ", ".join(parts) + (f": {run.error}" if run.error else "")


def _table(title: str, comparison: Comparison, *names: str) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for name in names:
        table.add_column(name, overflow="fold")
    for run in comparison.runs:
        table.add_column(escape(run.name), overflow="fold")
    return table


def _parameters(comparison: Comparison) -> Table:
    table = _table("parameters that differ", comparison, "parameter")
    for name, values in comparison.parameters.items():
        style = "bold" if name in comparison.searched else None
        table.add_row(escape(name), *("" if value is None else escape(_short(value)) for value in values), style=style)
    return table


def _metrics(comparison: Comparison, split: str) -> Table:
    """A row per metric and level, shares in percent; then the metrics without a level as they are."""
    title = f"{split} split, with the difference to {escape(comparison.runs[0].name)}"
    table = _table(title, comparison, "metric", "level")
    names = [name for name in comparison.metrics if name.startswith(f"{split}/")]
    for figure, heading in FIGURES.items():
        start = f"{split}/{figure}/"
        own = [name for name in names if name.startswith(start) and name != f"{start}leaf"]
        for name in sorted(own, key=lambda name: name.endswith("/mean")):
            level = escape(name.removeprefix(start))
            table.add_row(heading and f"{heading}, %", level, *_cells(comparison, name))
            heading = ""
        table.add_section()
    for name in names:
        if name.split("/")[1] not in FIGURES:
            table.add_row(escape(name.partition("/")[2]), "", *_cells(comparison, name, scale=1, digits=4))
    return table


def _cells(comparison: Comparison, name: str, scale: float = 100, digits: int = 2) -> list[str]:
    cells = []
    for run, value in enumerate(comparison.metrics[name]):
        difference = comparison.difference(name, run) if run else None
        shown = "" if value is None else f"{scale * value:.{digits}f}"
        cells.append(shown + ("" if difference is None else f" ({scale * difference:+.{digits}f})"))
    return cells


def _short(value: str) -> str:
    """A number with four digits, also within a list; everything else as it is."""
    if value.startswith("["):
        return _LONG.sub(lambda number: f"{float(number[0]):.4g}", value)
    try:
        number = float(value)
    except ValueError:
        return value
    return value if number.is_integer() else f"{number:.4g}"
