"""What is printed at the end."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from cli_examples import METRICS, RUN, row, sweep_summary
from rich.console import Console

from hmlc_ray.cli.tables import level_table, print_run, print_sweep, ranked_table
from hmlc_ray.study.workspace import Workspace


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.delenv("HMLC_HOME", raising=False)
    return Console(file=io.StringIO(), width=120)


def text(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def first_cells(console: Console) -> list[list[str]]:
    """The first three words of every row of the table, below its title and its heading."""
    lines = [line.split() for line in text(console).splitlines()[4:]]
    return [line[:3] for line in lines if line]


def test_completed_trials_are_ranked_apart_from_the_others(console: Console) -> None:
    rows = [
        row(0, "pruned", 0.4),
        row(1, "completed", 0.8),
        row(2, "failed", None, error="NonFiniteLoss: the loss became [nan]"),
        row(3, "completed", 0.9),
        row(4, "pruned", 0.6),
    ]
    console.print(ranked_table(sweep_summary(*rows)))
    assert first_cells(console) == [
        ["1", "3", "0.9000"],
        ["2", "1", "0.8000"],
        ["pruned", "4", "0.6000"],
        ["pruned", "0", "0.4000"],
        ["failed", "2", "4"],
    ]
    assert "NonFiniteLoss: the loss became [nan]" in text(console)
    assert "kind g-hmlc, temperature 0.1235, level_weights [0.5, 0.5]" in text(console)


def test_the_smallest_is_best_in_mode_min(console: Console) -> None:
    console.print(ranked_table(sweep_summary(row(0, "completed", 0.9), row(1, "completed", 0.2), mode="min")))
    assert first_cells(console) == [["1", "1", "0.2000"], ["2", "0", "0.9000"]]


def test_long_tables_are_cut(console: Console) -> None:
    rows = [row(n, "completed", n / 100) for n in range(25)] + [row(n, "pruned", 0.1) for n in range(30, 45)]
    console.print(ranked_table(sweep_summary(*rows)))
    assert "and 5 more completed" in text(console)
    assert "and 5 more pruned" in text(console)


def test_levels_are_listed_from_the_coarsest(console: Console) -> None:
    console.print(level_table(METRICS, "val"))
    assert first_cells(console) == [
        ["parity", "96.17", "97.00"],
        ["digit", "95.12", "94.43"],
        ["mean", "95.64", "95.71"],
    ]


def test_a_sweep_ends_with_test_figures_and_what_to_do_next(console: Console) -> None:
    print_sweep(sweep_summary(row(0, "completed", 0.9)), Workspace.of(Path("hmlc-home")), console)
    lines = text(console).splitlines()
    assert "best: trial 0, val/probe_top1/mean 0.9000" in lines
    assert "test split" in [line.strip() for line in lines]
    assert lines[-3:] == [
        "encoder: h/encoder",
        "configuration: hmlc best s --emit-config best.yaml",
        "took 0:01:15; look at the runs with: hmlc ui",
    ]


def test_the_store_is_named_where_the_study_must_be_found_again(console: Console) -> None:
    summary = sweep_summary(row(0, "completed", 0.9))
    print_sweep(summary, Workspace.of(Path("e"), "http://u:p@h:5000"), console)
    assert text(console).splitlines()[-2:] == [
        "configuration: hmlc best s --emit-config best.yaml --home e --tracking-uri http://h:5000",
        "took 0:01:15; look at the runs with: http://h:5000",
    ]


def test_another_home_is_named_in_the_commands(console: Console) -> None:
    print_run(RUN, Workspace.of(Path("elsewhere")), console)
    assert text(console).splitlines()[-1] == "look at it with: hmlc ui --home elsewhere"


def test_a_server_is_named_without_its_password(console: Console) -> None:
    print_run(RUN, Workspace.of(Path("h"), "https://u:secret@example.org"), console)
    assert text(console).splitlines()[-1] == "look at it with: https://example.org"
