"""Tables on a terminal of 40 columns and with NO_COLOR: nothing is lost that matters most, no line is longer."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from cli_examples import METRICS, row, sweep_summary
from rich.console import Console

from hmlc_ray.benchmark.plan import Plan, PlanRow
from hmlc_ray.cli import benchmark_tables, study_tables, tables
from hmlc_ray.cli.doctor import show_findings
from hmlc_ray.study.schema import StudyStatus
from hmlc_ray.study.status import StudyOverview
from hmlc_ray.study.summary import BestSoFar, SweepCounts
from hmlc_ray.sweep.doctor.checks import Finding
from hmlc_ray.sweep.jobs.attempts import Attempt

LONG = "a-study-with-a-rather-long-name"


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Console:
    """What every command prints to."""
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(file=io.StringIO(), width=40, force_terminal=True, emoji=False)
    for module in (tables, study_tables, benchmark_tables):
        monkeypatch.setattr(module, "output_console", lambda: console)
    return console


def lines(console: Console) -> list[str]:
    """What was printed, without styles; no style is a colour."""
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert not re.search(r"\x1b\[[0-9;]*[34][0-9]m", shown)
    return re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()


def test_a_sweep_s_trials(narrow: Console) -> None:
    rows = [row(number, "completed", 0.9 - number / 1000) for number in range(25)]
    narrow.print(tables.ranked_table(sweep_summary(*rows, row(25, "pruned", 0.1)), narrow=True))
    assert any("0.9000" in line for line in lines(narrow))
    assert any("and 5 more" in line for line in lines(narrow))
    assert max(map(len, lines(narrow))) <= 40


def test_studies(narrow: Console) -> None:
    counts = SweepCounts(120, running=2, completed=30, pruned=70, failed=3, best=0.98765)
    best = BestSoFar(17, 0.98765, "r")
    study_tables.print_statuses([StudyOverview(LONG, StudyStatus.RUNNING, counts, best=best)])
    study_tables.print_statuses([StudyOverview(LONG, StudyStatus.WAITING, None)])
    text = " ".join(" ".join(lines(narrow)).split())
    assert "103/120" in text
    assert "0.9877" in text
    assert max(map(len, lines(narrow))) <= 40


def test_jobs(narrow: Console) -> None:
    job = Attempt(LONG, 1, f"hmlc-{LONG}", "RUNNING", None, "", 1000.0, 2000.0, None, None)
    study_tables.print_jobs([job])
    assert "running" in " ".join(lines(narrow))
    assert max(map(len, lines(narrow))) <= 40


def test_a_plan_and_findings(narrow: Console, capsys: pytest.CaptureFixture[str]) -> None:
    benchmark_tables.print_plan(Plan([PlanRow("digits", "g-hmlc with nested masks", 8, 3, 5, 5, 12.5)], 2))
    show_findings([Finding("tracking store", "fail", "x" * 80, "do something")])
    assert max(len(line) for line in lines(narrow) if "hours of training" not in line) <= 40
    assert "first thing to fix: tracking store" in capsys.readouterr().out


def test_metrics_and_levels_with_long_names(narrow: Console, tmp_path: Path) -> None:
    named = {name.replace("parity", "a level with a rather long name of its own"): v for name, v in METRICS.items()}
    tables.print_metrics(named, "val")
    table = [line for line in lines(narrow) if "val/tree" not in line]
    assert any("96.17" in line for line in table)
    assert max(map(len, table)) <= 40
