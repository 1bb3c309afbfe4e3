"""The report of a benchmark, from what the benchmark logged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fake_sweeps import FakeSweeps, run_suite, suite_of
from pages_as_read import check, specs, text_of

from hmlc_ray.benchmark.comparison import MEAN, Row
from hmlc_ray.benchmark.request import REPORT
from hmlc_ray.benchmark.statistics import paired
from hmlc_ray.home import Home
from hmlc_ray.report import write as writing
from hmlc_ray.report.content.benchmark import BenchmarkContent, benchmark_content
from hmlc_ray.report.page.blocks import Page
from hmlc_ray.report.sections.benchmark import benchmark_summary
from hmlc_ray.report.write import FOLDER, write_report
from hmlc_ray.study import schema
from hmlc_ray.study.schema import RunKind
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import TrialRun


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmlc_ray.report.page.render.vega_script", lambda: "window.vegaEmbed = null;")


def test_a_benchmark(sweeps: FakeSweeps, home: Home, tmp_path: Path) -> None:
    result = run_suite(suite_of(fronts={"arms": ["hmce"], "leaf_weights": [0.2, 0.8]}), home)
    tracker = Workspace(home).open_tracker()
    content = benchmark_content(tracker, tracker.run(result.run_id))
    assert [without_nan(row) for row in content.rows] == [without_nan(row) for row in result.rows]
    assert len(content.cells) == 8  # two arms and two points of a front, under two seeds
    assert [sorted(front.points) for front in content.fronts] == [[0.2, 0.8]]
    written = write_report("tiny", Workspace(home))
    assert written.file == home.root / "benchmarks" / "tiny" / "report.html"
    root = check(written.file.read_text(encoding="utf-8"))
    text = text_of(root)
    assert "compares 2 arms with the baseline hmce on digits, under up to 2 seeds" in text
    assert "supcon has the largest difference to the baseline" in text
    assert all(cell.run_id in text for cell in content.cells)
    assert len(specs(root)) == 4  # a forest for each level and their mean, and the front
    assert tracker.download(result.run_id, f"{FOLDER}/comparison.csv", tmp_path).is_file()  # nothing of it is lost


def without_nan(row: Row) -> tuple[object, ...]:
    """A row that is equal to itself."""
    known = row if row.p_holm == row.p_holm else replace(row, p_holm=-1.0)
    if known.against is not None and known.against.p_value != known.against.p_value:
        known = replace(known, against=replace(known.against, p_value=-1.0))
    return tuple(vars(known).values())


def test_one_that_has_not_ended_says_so(home: Home) -> None:
    tracker = Workspace(home).open_tracker()
    run_id = tracker.study_run("tiny", tags={}, params={}, kind=RunKind.BENCHMARK)
    written = write_report(run_id, Workspace(home), home.root / "report.html")
    text = text_of(check((home.root / "report.html").read_text(encoding="utf-8")))
    assert "The benchmark has not ended" in text
    assert written.logged


def test_one_that_is_too_large_is_collected_once_and_says_so(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Page] = []
    by_itself = writing.page_of
    monkeypatch.setattr(writing, "page_of", lambda *a, **k: made.append(by_itself(*a, **k)) or made[-1])
    monkeypatch.setattr(writing, "LARGEST", 1_000)
    run_id = Workspace(home).open_tracker().study_run("tiny", tags={}, params={}, kind=RunKind.BENCHMARK)
    notes: list[str] = []
    written = write_report(run_id, Workspace(home), home.root / "report.html", note=notes.append)
    assert len(made) == 1
    assert [note.partition(",")[0] for note in notes] == [f"the report has {written.bytes / 1e6:.1f} MB"]


def verdict(*p_holm: float) -> str:
    against = paired([1.0, 2.0])
    rows = [Row("digits", "probe_top1", MEAN, f"arm{n}", against.interval, 2, against, p) for n, p in enumerate(p_holm)]
    run = TrialRun("1", "", "FINISHED", {}, {}, {schema.STUDY: "tiny"})
    summary = benchmark_summary(BenchmarkContent(run, {}, tuple(rows), (), (), ()))
    return str(summary.blocks[-1].text)  # type: ignore[union-attr]


def test_what_was_not_tested_is_not_called_alike() -> None:
    nan = float("nan")
    assert verdict(nan, nan) == "On digits, no difference was tested: a paired t-test needs at least two seeds."
    assert verdict(nan, 0.3).endswith(": no difference to the baseline is significant.")
    assert verdict(nan, 0.01).endswith(": arm1 better.")


def test_both_use_one_folder_of_artifacts() -> None:
    assert FOLDER == REPORT
