"""A suite's comparison as files: Markdown, CSV, and a forest plot per data set and level."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from hmlc_ray.benchmark.comparison import FIGURES, Row
from hmlc_ray.benchmark.forest import draw_forest
from hmlc_ray.benchmark.fronts import Front, draw_fronts
from hmlc_ray.benchmark.results import Line
from hmlc_ray.benchmark.statistics import Paired
from hmlc_ray.config.suite import SuiteConfig
from hmlc_ray.files.atomic import write_whole
from hmlc_ray.names.files import file_stems

Record = dict[str, object]
COLUMNS = ("data", "figure", "level", "arm", "seeds", "mean", "mean_low", "mean_high", "difference", "low", "high")
TESTS = ("p", "p_holm", "wins", "ties", "losses")


def write_report(suite: SuiteConfig, rows: Sequence[Row], cells: Sequence[Line], folder: Path) -> list[Path]:
    """Write `comparison.md`, `comparison.csv`, `cells.csv` and `forest-<data>-<level>.png` and `.svg`.

    Raises:
        OSError: if a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table, comparison, every = (folder / name for name in ("comparison.md", "comparison.csv", "cells.csv"))
    write_whole(table, markdown(suite, rows))
    _write_csv(comparison, (*COLUMNS, *TESTS), map(_record, rows))
    _write_csv(every, _CELL, map(_cell, cells))
    written = [table, comparison, every]
    for (data, level), stem in file_stems((row.data, row.level) for row in rows).items():
        shown = [row for row in rows if (row.data, row.level, row.figure) == (data, level, "probe_top1")]
        written += draw_forest(shown, suite.benchmark.baseline, folder / f"forest-{stem}")
    return written


def write_fronts(fronts: Sequence[Front], folder: Path) -> list[Path]:
    """Write `fronts.csv` with a line per point, and a picture per data set; nothing where there are no fronts.

    Raises:
        OSError: if a file cannot be written.
    """
    if not fronts:
        return []
    written = [folder / "fronts.csv"]
    _write_csv(written[0], _FRONT, map(_front, fronts))
    for (data,), stem in file_stems((front.data,) for front in fronts).items():
        own = [front for front in fronts if front.data == data]
        written += draw_fronts(own, folder / f"fronts-{stem}")
    return written


def markdown(suite: SuiteConfig, rows: Sequence[Row]) -> str:
    """The tables, one per data set and metric."""
    baseline = suite.benchmark.baseline
    parts = [
        f"# {suite.benchmark.name}",
        f"Test split, percent; in brackets the difference to `{baseline}` in points, paired by seed, with its 95 % "
        "bootstrap interval. `*`: p < 0.05 in a paired t-test after Holm's correction over the arms.",
    ]
    for data, figure in dict.fromkeys((row.data, row.figure) for row in rows):
        shown = [row for row in rows if (row.data, row.figure) == (data, figure)]
        levels = list(dict.fromkeys(row.level for row in shown))
        parts.append(f"## {data}: {FIGURES[figure]}")
        lines = ["| arm | seeds | " + " | ".join(levels) + " |", "|---" * (len(levels) + 2) + "|"]
        for arm in dict.fromkeys(row.arm for row in shown):
            own = {row.level: row for row in shown if row.arm == arm}
            seeds = max(row.seeds for row in own.values())
            texts = [cell_text(own[level]) if level in own else "" for level in levels]
            lines.append(f"| {_escaped(arm)} | {seeds} | " + " | ".join(texts) + " |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def cell_text(row: Row) -> str:
    """`93.81 (+0.42 [+0.10, +0.71])*`."""
    text = f"{row.own.mean:.2f}"
    if row.against is None:
        return text
    found = row.against.interval
    if row.against.pairs < 2:  # nothing is known of its spread
        return f"{text} ({found.mean:+.2f})"
    return f"{text} ({found.mean:+.2f} [{found.low:+.2f}, {found.high:+.2f}]){'*' if row.p_holm < 0.05 else ''}"


def _record(row: Row) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(row, name) for name in ("data", "figure", "level", "arm", "seeds")}
    values |= {"mean": row.own.mean, "mean_low": row.own.low, "mean_high": row.own.high}
    if row.against is not None:
        values |= {**_against(row.against), "p_holm": row.p_holm}
    return values


def _against(found: Paired) -> Record:
    interval = found.interval
    values: Record = {"difference": interval.mean, "low": interval.low, "high": interval.high, "p": found.p_value}
    return values | {"wins": found.wins, "ties": found.ties, "losses": found.losses}


_CELL = ("data", "arm", "seed", "figure", "value", "seconds", "run_id", "store", "searched")


def _cell(line: Line) -> list[dict[str, object]]:
    known = asdict(line)
    own = {name: known[name] for name in ("data", "arm", "seconds", "run_id", "store", "searched")}
    return [{**own, "seed": line.number, "figure": name, "value": value} for name, value in line.metrics.items()]


_VOLUME = ("volume", "volume_low", "volume_high", "difference", "low", "high", "p", "wins", "ties", "losses")
_FRONT = ("data", "arm", "leaf_weight", "coarse", "leaf", *_VOLUME)


def _front(front: Front) -> list[Record]:
    own: Record = {"data": front.data, "arm": front.arm, "volume": front.volume.mean}
    own |= {"volume_low": front.volume.low, "volume_high": front.volume.high}
    if front.against is not None:
        own |= _against(front.against)
    return [{**own, "leaf_weight": weight, "coarse": x, "leaf": y} for weight, (x, y) in front.points.items()]


def _write_csv(file: Path, columns: Sequence[str], records: Iterable[Record | list[Record]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        table = csv.DictWriter(opened, columns)
        table.writeheader()
        for record in records:
            table.writerows(record if isinstance(record, list) else [record])


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
