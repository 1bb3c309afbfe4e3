"""Writes the tables and pictures of `docs/results.md` from `benchmarks/results/`: `python docs/results.py`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from written import rewritten, table

from hmlc_ray.benchmark.comparison import MEAN, Row, compare
from hmlc_ray.benchmark.forest import draw_forest
from hmlc_ray.benchmark.fronts import Front, draw_fronts, fronts_of
from hmlc_ray.benchmark.report import cell_text
from hmlc_ray.benchmark.results import Line, ResultsFile
from hmlc_ray.config.suite import SuiteConfig
from hmlc_ray.config.suite_check import load_suite

ROOT = Path(__file__).parents[1]
PAGE, PICTURES = ROOT / "docs" / "results.md", ROOT / "docs" / "pictures" / "results"
SUITES, RESULTS = ROOT / "search_spaces" / "suites", ROOT / "benchmarks" / "results"
MARK = "<!-- tables: written by docs/results.py -->\n"
FIGURE = "probe_top1"
FEWEST = 3
"""Seeds of the baseline before a data set is shown."""
CLAIM = ("g-hmlc mixture, nested", "g-hmlc mixture", "a-hmlc")
"""The arms of the claim."""
BARS = ("hmce code", "sum-supcon", "g-hmlc random partition", "g-hmlc random, nested")
"""What they are to be better than."""


@dataclass(frozen=True, eq=False)
class Measured:
    """One suite with the results that it has."""

    suite: SuiteConfig
    lines: list[Line]

    @property
    def cells(self) -> list[Line]:
        return [line for line in self.lines if line.phase == "cell"]

    @property
    def data(self) -> list[str]:
        """The data sets that have been compared with enough seeds for an interval to mean something."""
        return [name for name in self.suite.data if len(self.seeds(name, self.suite.benchmark.baseline)) >= FEWEST]

    def seeds(self, data: str, arm: str) -> list[int]:
        return sorted(line.number for line in self.cells if (line.data, line.arm) == (data, arm))

    @cache  # noqa: B019 - a program that ends
    def against(self, baseline: str) -> list[Row]:
        """The rows of linear probes with another baseline."""
        benchmark = self.suite.benchmark.model_copy(update={"baseline": baseline})
        rows = compare(self.suite.model_copy(update={"benchmark": benchmark}), self.cells)
        return [row for row in rows if row.figure == FIGURE]


def measured() -> Iterator[Measured]:
    """The suites of the package whose baseline has been judged, in the order of their names."""
    for file in sorted(SUITES.glob("*.yaml")):
        results = RESULTS / f"{file.stem}.jsonl"
        if results.exists():
            suite = load_suite(file)
            newest = {line.place: line for line in ResultsFile(results, suite.benchmark.name).lines}
            one = Measured(suite, list(newest.values()))
            if one.data:
                yield one


def tables(found: Sequence[Measured]) -> str:
    """The generated part of the page."""
    parts = ["## The claim, set by set", _claims(found)]
    for one in found:
        parts.append(f"## {one.suite.benchmark.name}")
        parts.append(_how(one))
        for data in one.data:
            parts += _of_data(one, data)
    return "\n\n".join(parts)


def _claims(found: Sequence[Measured]) -> str:
    head = ["data", "level", "arm", *(f"− {bar}" for bar in BARS)]
    lines = []
    for one in found:
        arms = [arm for arm in CLAIM if arm in one.suite.arms]
        rows = {bar: one.against(bar) for bar in BARS if bar in one.suite.arms}
        for data in one.data:
            for level in _levels(rows[BARS[0]], data):
                for arm in arms:
                    own = [_difference(rows.get(bar, []), data, level, arm) for bar in BARS]
                    lines.append([f"{one.suite.benchmark.name}, {data}", level, arm, *own])
    return table(head, lines)


def _levels(rows: Sequence[Row], data: str) -> list[str]:
    return list(dict.fromkeys(row.level for row in rows if row.data == data and row.level != MEAN))


def _difference(rows: Sequence[Row], data: str, level: str, arm: str) -> str:
    for row in rows:
        if (row.data, row.level, row.arm) == (data, level, arm) and row.against is not None:
            found = row.against.interval
            star = "*" if row.p_holm < 0.05 else ""
            return f"{found.mean:+.2f} [{found.low:+.2f}, {found.high:+.2f}]{star}"
    return ""


def _how(one: Measured) -> str:
    benchmark, lines = one.suite.benchmark, one.lines
    ended = sorted(line.finished for line in lines)
    hardware = ", ".join(dict.fromkeys(line.hardware for line in lines))
    commits = ", ".join(dict.fromkeys(f"`{line.commit[:7]}`" for line in lines if line.commit))
    hours = sum(line.seconds for line in lines) / 3600
    name = benchmark.name
    return (
        f"`hmlc benchmark search_spaces/suites/{name}.yaml --results benchmarks/results/{name}.jsonl`; "
        f"{benchmark.tuning.trials} tuning trials for each arm, {len(benchmark.seeds)} seeds; {len(lines)} runs, "
        f"{hours:.1f} hours of trials; {ended[0][:10]} to {ended[-1][:10]}, {hardware}; commits {commits}."
    )


def _of_data(one: Measured, data: str) -> list[str]:
    rows = [row for row in one.against(one.suite.benchmark.baseline) if row.data == data]
    levels = list(dict.fromkeys(row.level for row in rows))
    lines = []
    for arm in dict.fromkeys(row.arm for row in rows):
        own = {row.level: row for row in rows if row.arm == arm}
        texts = [cell_text(own[level]) if level in own else "" for level in levels]
        lines.append([arm, str(max(row.seeds for row in own.values())), *texts])
    parts = [f"### {one.suite.benchmark.name}: {data}", table(["arm", "seeds", *levels], lines)]
    parts += [_picture(name, text) for name, text in _pictures_of(one, data)]
    if fronts := _fronts(one, data):
        parts.append(table(["front of", "dominated area, %", "difference"], [_front(front) for front in fronts]))
    return parts


def _front(front: Front) -> list[str]:
    own = f"{front.volume.mean:.2f} [{front.volume.low:.2f}, {front.volume.high:.2f}]"
    if front.against is None:
        return [front.arm, own, ""]
    interval = front.against.interval
    return [front.arm, own, f"{interval.mean:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"]


def _fronts(one: Measured, data: str) -> list[Front]:
    return [front for front in fronts_of(one.suite, one.cells) if front.data == data]


def _pictures_of(one: Measured, data: str) -> Iterator[tuple[str, str]]:
    name, baseline = one.suite.benchmark.name, one.suite.benchmark.baseline
    for level in _levels(one.against(baseline), data):
        yield f"forest-{name}-{data}-{level}.png", f"Differences to {baseline} on {data} at the level {level}"
    if _fronts(one, data):
        yield f"fronts-{name}-{data}.png", f"Fronts of the coarsest level against the leaves on {data}"


def _picture(name: str, text: str) -> str:
    return f"![{text}](pictures/results/{name})"


def draw(found: Sequence[Measured], folder: Path) -> None:
    """Every picture that the page shows."""
    for one in found:
        name, baseline = one.suite.benchmark.name, one.suite.benchmark.baseline
        rows = one.against(baseline)
        for data in one.data:
            for level in _levels(rows, data):
                shown = [row for row in rows if (row.data, row.level) == (data, level)]
                _keep_png(draw_forest(shown, baseline, folder / f"forest-{name}-{data}-{level}"))
            if fronts := _fronts(one, data):
                _keep_png(draw_fronts(fronts, folder / f"fronts-{name}-{data}"))


def _keep_png(files: Sequence[Path]) -> None:
    for file in files:
        if file.suffix != ".png":
            file.unlink()


def page(found: Sequence[Measured]) -> str:
    """The whole page, with its tables made again."""
    return rewritten(PAGE, MARK, tables(found))


def main() -> None:
    found = list(measured())
    PAGE.write_text(page(found), encoding="utf-8")
    with tempfile.TemporaryDirectory() as made:
        draw(found, Path(made))
        shutil.rmtree(PICTURES, ignore_errors=True)
        shutil.copytree(made, PICTURES)


if __name__ == "__main__":
    main()
