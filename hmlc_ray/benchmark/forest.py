"""A forest plot: every arm's difference to the baseline with its interval, at one level."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hmlc_ray.benchmark.comparison import FIGURES, Row
from hmlc_ray.taxonomies.drawing import DATES, printable, save_figure


def draw_forest(rows: Sequence[Row], baseline: str, stem: Path) -> list[Path]:
    """Write `<stem>.png` and `<stem>.svg`; nothing where no arm can be compared.

    Args:
        rows: the rows of one data set, metric and level.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    pairs = [(row, row.against) for row in rows if row.against is not None]
    if not pairs:
        return []
    figure = Figure(figsize=(8.0, 1.6 + 0.32 * len(pairs)), layout="constrained")
    axes = figure.subplots()
    for height, (row, difference) in enumerate(pairs):
        interval, color = difference.interval, "C0" if row.p_holm < 0.05 else "0.45"
        axes.plot([interval.low, interval.high], [height, height], color=color, linewidth=2)
        axes.plot([interval.mean], [height], marker="s", color=color)
    labels = [f"{printable(row.arm)} ({row.own.mean:.1f})" for row, _ in pairs]
    axes.set_yticks(range(len(pairs)), labels, parse_math=False)
    axes.set_ylim(len(pairs) - 0.3, -0.7)
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.set_xlabel(_x_label(rows, baseline), parse_math=False)
    first = pairs[0][0]
    title = f"{first.data}, {first.level}: {FIGURES[first.figure]} (%)"
    axes.set_title(printable(title), parse_math=False, fontsize=10)
    files = [stem.with_name(stem.name + suffix) for suffix in (".png", ".svg")]
    with rc_context({"svg.hashsalt": "forest"}):
        for file in files:
            save_figure(figure, file, dpi=120, metadata=DATES.get(file.suffix))
    return files


def _x_label(rows: Sequence[Row], baseline: str) -> str:
    own = next((f" ({row.own.mean:.1f})" for row in rows if row.arm == baseline), "")
    return (
        f"difference to {printable(baseline)}{own} in points, with 95 % interval\n"
        "blue: p < 0.05 after Holm's correction"
    )
