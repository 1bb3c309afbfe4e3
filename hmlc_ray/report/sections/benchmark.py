"""A benchmark: comparison with the baseline, fronts, cells."""

from __future__ import annotations

import math
from collections.abc import Iterator

from hmlc_ray.benchmark.comparison import FIGURES, MEAN, Row
from hmlc_ray.benchmark.report import cell_text
from hmlc_ray.names.counts import many
from hmlc_ray.report.charts.benchmark import ALPHA, forest_chart, fronts_chart
from hmlc_ray.report.content.benchmark import BenchmarkContent
from hmlc_ray.report.links import Links
from hmlc_ray.report.page.blocks import Block, Cell, Chart, Code, Heading, Section, Table, Text
from hmlc_ray.report.sections.words import listed, percent
from hmlc_ray.study import schema

MEASURE = "probe_top1"


def benchmark_summary(content: BenchmarkContent) -> Section:
    """Which arm is better than the baseline, on which data."""
    blocks: list[Block] = []
    run = content.run
    if run.is_open:
        blocks.append(Text("The benchmark has not ended: its comparison is made at its end.", "warning"))
    elif run.status != "FINISHED":
        error = f": {run.tags[schema.ERROR]}" if run.tags.get(schema.ERROR) else ""
        blocks.append(Text(f"The benchmark ended before all its cells had a result{error}.", "warning"))
    rows = content.rows
    if not rows:
        blocks.append(Text("There is no comparison yet."))
        return Section("summary", "Summary", tuple(blocks))
    arms, data = list(dict.fromkeys(row.arm for row in rows)), list(dict.fromkeys(row.data for row in rows))
    seeds = max(row.seeds for row in rows)
    blocks.append(
        Text(
            f"The benchmark {content.name} compares {many(len(arms), 'arm')} with the baseline {content.baseline} on "
            f"{listed(data)}, under up to {many(seeds, 'seed')}. All values are of the test split, in percent; "
            "differences are paired by seed, with 95 % bootstrap intervals."
        )
    )
    blocks += [Text(sentence) for name in data for sentence in _verdict(rows, name)]
    return Section("summary", "Summary", tuple(blocks))


def _verdict(rows: tuple[Row, ...], data: str) -> Iterator[str]:
    own = [row for row in rows if (row.data, row.figure, row.level) == (data, MEASURE, MEAN)]
    against = [(row, row.against.interval) for row in own if row.against is not None]
    if not against:
        return
    best, interval = max(against, key=lambda pair: pair[1].mean)
    better = [row.arm for row, found in against if row.p_holm < ALPHA and found.mean > 0]
    worse = [row.arm for row, found in against if row.p_holm < ALPHA and found.mean < 0]
    yield (
        f"On {data}, by the linear probe's mean over the levels, {best.arm} has the largest difference to the "
        f"baseline: {interval.mean:+.2f} points [{interval.low:+.2f}, {interval.high:+.2f}]."
    )
    sure = [f"{listed(names)} {word}" for names, word in ((better, "better"), (worse, "worse")) if names]
    if all(math.isnan(row.p_holm) for row, _ in against):
        yield f"On {data}, no difference was tested: a paired t-test needs at least two seeds."
        return
    said = "; ".join(sure) if sure else "no difference to the baseline is significant"
    yield f"On {data}, at p < {ALPHA} after Holm's correction: {said}."


def comparison_section(content: BenchmarkContent) -> Section | None:
    """A table and a forest plot per data set; None while there is no comparison."""
    blocks: list[Block] = []
    for data in dict.fromkeys(row.data for row in content.rows):
        own = [row for row in content.rows if row.data == data]
        blocks.append(Heading(data))
        blocks += [_table(data, measure, own) for measure in FIGURES if any(row.figure == measure for row in own)]
        blocks += _forests(data, own)
    if not blocks:
        return None
    words = (
        "In brackets the difference to the baseline in points, with its interval; * marks p < 0.05 in a paired t-test "
        "after Holm's correction over the arms."
    )
    return Section("comparison", "Comparison", (Text(words, "note"), *blocks))


def _table(data: str, measure: str, rows: list[Row]) -> Table:
    shown = [row for row in rows if row.figure == measure]
    levels = list(dict.fromkeys(row.level for row in shown))
    cells: list[tuple[Cell, ...]] = []
    for arm in dict.fromkeys(row.arm for row in shown):
        own = {row.level: row for row in shown if row.arm == arm}
        texts = [cell_text(own[level]) if level in own else None for level in levels]
        cells.append((arm, max(row.seeds for row in own.values()), *texts))
    return Table(f"{FIGURES[measure]} on {data}, %", ("arm", "seeds", *levels), tuple(cells), sortable=True)


def _forests(data: str, rows: list[Row]) -> Iterator[Chart]:
    for level in dict.fromkeys(row.level for row in rows):
        own = [row for row in rows if (row.figure, row.level) == (MEASURE, level) and row.against is not None]
        if own:
            best = max(own, key=lambda row: row.against.interval.mean if row.against else 0.0)
            title = f"{data}, {level}: difference to the baseline"
            words = (
                f"{title}, linear probe in points, a bar for each arm's interval. The largest is that of {best.arm}."
            )
            yield Chart(title, words, forest_chart(own))


def fronts_section(content: BenchmarkContent) -> Section | None:
    """Coarse against leaf over level weights; None where the suite asks for no fronts."""
    blocks: list[Block] = []
    for data in dict.fromkeys(front.data for front in content.fronts):
        own = [front for front in content.fronts if front.data == data]
        areas = [f"{front.arm} {front.volume.mean:.2f}" for front in own]
        words = f"Accuracy at the coarsest level against the leaf level over level weights; area, %: {listed(areas)}."
        rows = tuple(
            (
                front.arm,
                f"{front.volume.mean:.2f} [{front.volume.low:.2f}, {front.volume.high:.2f}]",
                "" if front.against is None else f"{front.against.interval.mean:+.2f}",
            )
            for front in own
        )
        blocks += [Chart(f"Fronts on {data}", words, fronts_chart(own))]
        blocks += [Table(f"Dominated area on {data}, %", ("arm", "area with its interval", "difference"), rows)]
    return Section("fronts", "Fronts over level weights", tuple(blocks)) if blocks else None


def cells_section(content: BenchmarkContent, links: Links) -> Section:
    """Every cell with its run, and the studies that they are trials of."""
    rows = tuple(
        (cell.data, cell.arm, cell.seed, percent(cell.value), links.run(cell.run_id, _store(cell.store, links)))
        for cell in content.cells
    )
    blocks: list[Block] = []
    if rows:
        blocks.append(Table("Cells", ("data", "arm", "seed", "probe, mean", "MLflow run"), rows, sortable=True))
    studies = tuple((own.study, own.state.value, *_counts(own.counts)) for own in content.studies)
    if studies:
        blocks.append(Table("Studies", ("study", "status", "completed", "failed", "trials"), studies))
    if not blocks:
        blocks.append(Text("No cell has run yet."))
    return Section("cells", "Cells", tuple(blocks))


def _counts(counts: object) -> tuple[Cell, ...]:
    from hmlc_ray.study.summary import SweepCounts

    return (counts.completed, counts.failed, counts.total) if isinstance(counts, SweepCounts) else (None, None, None)


def _store(store: str, links: Links) -> str | None:
    """The store of a cell; a file is called `sqlite`, and is then the one that the benchmark is read from."""
    return None if store in ("", "sqlite") else store


def benchmark_use(content: BenchmarkContent, links: Links) -> Section:
    """Commands."""
    blocks: list[Block] = [Code("Make this report again", links.command("report", content.name))]
    if content.suite:
        blocks.append(
            Text(
                "The suite as it was run is the artifact suite.yaml of its run; `hmlc benchmark suite.yaml` resumes it."
            )
        )
    if not links.is_server:
        blocks.append(Code("Open the runs in MLflow", links.ui()))
    return Section("use", "Reproduce", tuple(blocks))
