"""Coarse against leaf over level weights: the cells of fronts, and the area that each front dominates."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hmlc_ray.benchmark.results import Line
from hmlc_ray.benchmark.statistics import Interval, Paired, hypervolume, mean_interval, paired
from hmlc_ray.benchmark.tasks import Task
from hmlc_ray.config.suite import SuiteConfig
from hmlc_ray.taxonomies.drawing import DATES, printable, save_figure

FIGURE = "probe_top1"
Point = tuple[float, float]
"""Shares of the coarsest level and of the leaf level that are right."""


@dataclass(frozen=True)
class Front:
    """One arm on one data set."""

    data: str
    arm: str
    points: dict[float, Point]
    """Means over the seeds by the leaf's weight, in percent."""
    volume: Interval
    """The share of the unit square that a seed's points dominate, in percent: mean over the seeds."""
    against: Paired | None
    """The baseline, or where that has no front the first arm that has one; None for that arm itself."""


def front_name(arm: str, weight: float) -> str:
    """Name of an arm's cells under other level weights."""
    return f"{arm}, leaf {weight:g}"


def front_names(suite: SuiteConfig, arm: str) -> list[str]:
    """Names of all cells of an arm's front; none where the suite asks for none."""
    fronts = suite.fronts
    return [front_name(arm, weight) for weight in fronts.leaf_weights] if fronts and arm in fronts.arms else []


def front_cells(suite: SuiteConfig, cell: Task, levels: int) -> Iterator[Task]:
    """The cell of an arm under each of the fronts' level weights, its choice otherwise.

    Args:
        levels: H; the leaf has its weight, the others share the rest equally.
    """
    if not suite.fronts or cell.arm not in suite.fronts.arms or levels < 2:
        return
    for weight in suite.fronts.leaf_weights:
        weights = (*[(1 - weight) / (levels - 1)] * (levels - 1), weight)
        objective = cell.config.objective.model_copy(update={"level_weights": weights})
        config = cell.config.model_copy(update={"objective": objective})
        yield replace(cell, arm=front_name(cell.arm, weight), config=config)


def fronts_of(suite: SuiteConfig, cells: Sequence[Line]) -> list[Front]:
    """The fronts of all seeds that have every point of theirs."""
    if suite.fronts is None:
        return []
    arms, found = suite.fronts.arms, []
    first = suite.benchmark.baseline if suite.benchmark.baseline in arms else arms[0]
    for data in suite.data:
        own = [line for line in cells if line.data == data]
        seeds = {arm: _by_seed(suite, own, arm) for arm in arms}
        volumes = {
            arm: {seed: 100 * hypervolume(list(points.values())) for seed, points in by_seed.items()}
            for arm, by_seed in seeds.items()
        }
        for arm, by_seed in volumes.items():
            shared = [seed for seed in by_seed if seed in volumes[first]]
            if by_seed:
                against = paired([by_seed[seed] - volumes[first][seed] for seed in shared]) if shared else None
                interval = mean_interval(list(by_seed.values()))
                found.append(Front(data, arm, _means(seeds[arm]), interval, None if arm == first else against))
    return found


def _by_seed(suite: SuiteConfig, cells: Sequence[Line], arm: str) -> dict[int, dict[float, Point]]:
    assert suite.fronts is not None
    points: dict[int, dict[float, Point]] = {}
    for weight in suite.fronts.leaf_weights:
        for line in cells:
            if line.arm == front_name(arm, weight):
                coarse, leaf = (line.metrics[f"{FIGURE}/{level}"] for level in (line.levels[0], line.levels[-1]))
                points.setdefault(line.number, {})[weight] = coarse, leaf
    return {seed: own for seed, own in points.items() if len(own) == len(suite.fronts.leaf_weights)}


def _means(by_seed: dict[int, dict[float, Point]]) -> dict[float, Point]:
    points: dict[float, list[Point]] = {}
    for own in by_seed.values():
        for weight, point in own.items():
            points.setdefault(weight, []).append(point)
    return {
        weight: (100 * statistics.fmean(x for x, _ in values), 100 * statistics.fmean(y for _, y in values))
        for weight, values in points.items()
    }


def draw_fronts(fronts: Sequence[Front], stem: Path) -> list[Path]:
    """Write `<stem>.png` and `<stem>.svg`: the fronts of one data set."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 5.3 + 0.2 * len(fronts)), layout="constrained")
    axes = figure.subplots()
    for front in fronts:
        ordered = [front.points[weight] for weight in sorted(front.points)]
        label = f"{printable(front.arm)}: {front.volume.mean:.2f} [{front.volume.low:.2f}, {front.volume.high:.2f}]"
        x, y = zip(*ordered, strict=True)
        (line,) = axes.plot(x, y, label=label.replace("$", r"\$"))
        axes.scatter(x, y, s=[25 * (1 + place) for place in range(len(ordered))], color=line.get_color(), zorder=2)
    axes.set(xlabel="coarsest level, top-1 %", ylabel="leaf level, top-1 %")
    weights = ", ".join(f"{weight:g}" for weight in sorted(fronts[0].points))
    title = f"{fronts[0].data}: fronts, from small to large markers by the leaf's weight ({weights})"
    axes.set_title(printable(title), parse_math=False, fontsize=10)
    # Below the axes: over them it would hide points.
    figure.legend(loc="outside lower center", title="dominated area, % [95 %]", fontsize=8)
    files = [stem.with_name(stem.name + suffix) for suffix in (".png", ".svg")]
    with rc_context({"svg.hashsalt": "fronts"}):
        for file in files:
            save_figure(figure, file, dpi=120, metadata=DATES.get(file.suffix))
    return files
