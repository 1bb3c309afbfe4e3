"""What a command prints at its end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hmlc_ray.api.text import print_text
from hmlc_ray.config.dimensions import readable
from hmlc_ray.names.counts import many, size
from hmlc_ray.names.uris import is_server, public_uri
from hmlc_ray.study.commands import command
from hmlc_ray.study.summary import BestTrial, RunSummary, SweepSummary, TrialRow
from hmlc_ray.study.workspace import Workspace

NARROW = 60
"""Columns of a terminal below which tables leave out what matters least."""
MOST_ROWS = 20
"""Completed trials in a sweep's table; pruned and failed ones are shown up to half as many."""
FIGURES = {"probe_top1": "top-1", "probe_balanced_accuracy": "balanced", "probe_macro_f1": "F1"} | {
    "knn_top1": "kNN",
    "map_at_r": "MAP@R",
    "nmi": "NMI",
    "silhouette": "silhouette",
}
"""Per-level metrics and their headings: three of the linear probe, then kNN top-1 and what needs no classifier."""


def output_console() -> Console:
    """Stdout; as wide as the terminal, or 120 columns where it goes to a file or a pipe."""
    console = Console(emoji=False)  # a folder may be called :cat:
    return console if console.is_terminal else Console(width=120, emoji=False)


def print_sweep(
    summary: SweepSummary, workspace: Workspace, console: Console | None = None, *, reported: bool = False
) -> None:
    """The ranked trials, the winner on the test split, and where to look further.

    Args:
        reported: a report follows; else the command that writes one is named.
    """
    console = console or output_console()
    console.print(ranked_table(summary, narrow=console.width < NARROW))
    if summary.best is None:
        print_text(console, f"no trial of {summary.study} was completed")
    else:
        print_text(
            console, f"best: trial {summary.best.number}, {summary.objective_metric} {_value(summary.best.value)}"
        )
    if summary.test_metrics:
        console.print(level_table(summary.test_metrics, "test", summary.level_names))
    if not reported:
        print_text(console, f"report: {command('report', summary.study, **workspace.options())}")
    if summary.export_dir is not None:
        print_text(console, f"encoder: {summary.export_dir}")
    if summary.checkpoints is not None:
        held, freed = map(size, (summary.checkpoints.held, summary.checkpoints.freed))
        print_text(console, f"checkpoints of trials: {held} held, {freed} freed")
    if summary.best is not None:
        configuration = command("best", summary.study, emit_config="best.yaml", **workspace.options())
        print_text(console, f"configuration: {configuration}")
    print_text(console, f"took {time_text(summary.wall_seconds)}; look at the runs with: {ui_command(workspace)}")


def print_run(summary: RunSummary, workspace: Workspace, console: Console | None = None) -> None:
    """The metrics per level, and where everything was written."""
    console = console or output_console()
    for split in ("val", "test"):
        if any(name.startswith(f"{split}/") for name in summary.metrics):
            console.print(level_table(summary.metrics, split, summary.level_names))
    print_text(console, f"run: {summary.run_id} ({many(summary.epochs, 'epoch')}, {time_text(summary.seconds)})")
    for name, folder in (("checkpoint", summary.checkpoint_dir), ("encoder", summary.export_dir)):
        if folder is not None:
            print_text(console, f"{name}: {folder}")
    print_text(console, f"look at it with: {ui_command(workspace)}")


def print_best(study: str, best: BestTrial, console: Console | None = None) -> None:
    """The best trial: its value, what was searched, its metrics."""
    console = console or output_console()
    row = best.row
    print_text(console, f"best trial of {study}: {row.number}, {_value(row.value)} after {many(row.epochs, 'epoch')}")
    for name, value in readable(row.params).items():
        print_text(console, f"  {name}: {_param(value)}")
    console.print(level_table(best.metrics, "val"))


def print_metrics(metrics: dict[str, float], split: str, console: Console | None = None) -> None:
    """All metrics of an evaluation: a table of the levels, then the rest by name."""
    console = console or output_console()
    console.print(level_table(metrics, split))
    for name, value in sorted(metrics.items()):
        if name.removeprefix(f"{split}/").partition("/")[0] not in FIGURES:
            print_text(console, f"{name}: {value:.4f}")


def ranked_table(summary: SweepSummary, *, narrow: bool = False) -> Table:
    """Completed trials from the best down, then the pruned ones, then the failed ones with their errors.

    Args:
        narrow: leave out epochs and times.
    """
    title = f"{summary.study}: {summary.objective_metric} ({summary.mode})"
    table = Table(title=escape(title), box=box.SIMPLE_HEAD, title_justify="left", pad_edge=not narrow)
    for name in ("rank", "trial", "value") if narrow else ("rank", "trial", "value", "epochs", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("what was searched", overflow="fold")
    groups = {status: [row for row in summary.rows if row.status == status] for status in STATUSES}
    best_first = sorted(groups["completed"], key=lambda row: _order(row, summary.mode))
    for rank, row in enumerate(best_first[:MOST_ROWS], start=1):
        table.add_row(str(rank), *_cells(row, params_text(row), narrow), style="bold" if rank == 1 else None)
    _rest(table, "completed", len(best_first) - MOST_ROWS)
    for status in STATUSES[1:]:
        rows = sorted(groups[status], key=lambda row: _order(row, summary.mode))
        if rows:
            table.add_section()
        for row in rows[: MOST_ROWS // 2]:
            last = escape(row.error) if row.error else params_text(row)
            table.add_row(status[:6] if narrow else status, *_cells(row, last, narrow), style="dim")
        _rest(table, status, len(rows) - MOST_ROWS // 2)
    return table


STATUSES = ("completed", "pruned", "failed", "interrupted")


def level_table(metrics: dict[str, float], split: str, level_names: Iterable[str] = ()) -> Table:
    """Per-level metrics of one split: a row per level, coarsest first, and one for their mean; shares in percent."""
    table = Table(title=f"{split} split", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("level")
    shown = [name for name in FIGURES if f"{split}/{name}/mean" in metrics]
    for name in shown:
        table.add_column(FIGURES[name], justify="right")
    levels = list(level_names) or _levels(metrics, split, shown)
    for level in [*levels, "mean"]:
        cells = [_percent(metrics.get(f"{split}/{name}/{level}")) for name in shown]
        table.add_row(escape(level), *cells, end_section=level == levels[-1] if levels else False)
    return table


def ui_command(workspace: Workspace) -> str:
    """The command that opens these runs, or the address of the server that has them."""
    options, uri = workspace.options(), workspace.tracking_uri
    if uri is None:
        return command("ui", **options)
    return public_uri(uri) if is_server(uri) else command("ui", tracking_uri=options.get("tracking_uri"))


def _levels(metrics: dict[str, float], split: str, shown: list[str]) -> list[str]:
    """Names of the levels as they come; `leaf` repeats the finest one."""
    prefix = f"{split}/{shown[0]}/" if shown else ""
    names = [name.removeprefix(prefix) for name in metrics if prefix and name.startswith(prefix)]
    return [name for name in names if name not in ("leaf", "mean")]


def _order(row: TrialRow, mode: str) -> tuple[float, int]:
    if row.value is None:
        return float("inf"), row.number
    return (-row.value if mode == "max" else row.value), row.number


def _cells(row: TrialRow, last: str, narrow: bool) -> list[str]:
    time = "" if row.seconds is None else time_text(row.seconds)
    return [str(row.number), _value(row.value), *([] if narrow else [str(row.epochs), time]), last]


def _rest(table: Table, status: str, count: int) -> None:
    if count > 0:
        table.add_row(*[""] * (len(table.columns) - 1), f"and {count} more {status}", style="dim")


def params_text(row: TrialRow) -> str:
    """What was searched, with the last part of each name where that is clear."""
    params = readable(row.params)
    short = {name: name.rpartition(".")[2] for name in params}
    clear = len({*short.values()}) == len(short)
    return escape(", ".join(f"{short[name] if clear else name} {_param(value)}" for name, value in params.items()))


def _param(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_param, value))}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _value(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f}"


def time_text(seconds: float) -> str:
    """`1:02:03`."""
    return str(timedelta(seconds=round(seconds)))
