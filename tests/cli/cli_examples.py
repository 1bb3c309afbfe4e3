"""Summaries to print, and the type of the fixture that runs a command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import RunSummary, SweepSummary, TrialRow

Run = Callable[..., Result]

METRICS = {
    "val/probe_top1/parity": 0.9617,
    "val/probe_top1/digit": 0.9512,
    "val/probe_top1/leaf": 0.9512,
    "val/probe_top1/mean": 0.95645,
    "val/knn_top1/parity": 0.97,
    "val/knn_top1/digit": 0.9443,
    "val/knn_top1/leaf": 0.9443,
    "val/knn_top1/mean": 0.95715,
    "val/tree/cpcc": 0.1234,
}
TEST_METRICS = {name.replace("val/", "test/"): value for name, value in METRICS.items()}


def row(number: int, status: str, value: float | None, **more: object) -> TrialRow:
    params = {"objective.kind": "g-hmlc", "objective.temperature": 0.123456, "objective.level_weights.stick0": 0.5}
    return TrialRow(number, str(number), TrialStatus(status), value, 4, params, f"run{number}", seconds=3.2, **more)  # type: ignore[arg-type]


def sweep_summary(*rows: TrialRow, mode: str = "max") -> SweepSummary:
    completed = [row for row in rows if row.status == "completed"]
    return SweepSummary(
        study="s",
        objective_metric="val/probe_top1/mean",
        mode=mode,  # type: ignore[arg-type]
        rows=list(rows),
        best=max(completed, key=lambda row: row.value or 0.0, default=None),
        level_names=("parity", "digit"),
        tracking_uri="sqlite:///x",
        wall_seconds=75.4,
        test_metrics=TEST_METRICS,
        export_dir=Path("h/encoder"),
    )


RUN = RunSummary("abc", METRICS, ("parity", "digit"), Path("h/checkpoint"), Path("h/encoder"), 20)
