"""What a GPU measured for each arm is compared as the cells of a suite are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from gpu_parts.cells import DATA, cells_of, suite_of  # noqa: E402

from hmlc_ray.benchmark.comparison import compare  # noqa: E402


def entry(arm: str, seed: int, leaf: float, epochs: int = 12, **more: Any) -> dict[str, Any]:
    figures = {"superclass": 0.5, "class": leaf, "mean": (0.5 + leaf) / 2}
    values = {f"{kind} {level}": value for kind in ("probe", "knn") for level, value in figures.items()}
    values |= {"config": "c", "data": "d", "training": 50.0, "seed": seed, "loss": [2.0, 1.0]}
    known = {"part": "evidence", "row": f"{arm}, seed {seed}, {epochs} epochs", "values": values}
    return known | {"date": "2026-01-01T00:00:00Z", "hardware": "a GPU", "sources": "s"} | more


def test_rows_are_cells_that_can_be_compared() -> None:
    entries = [
        *(entry("hmce code", seed, 0.40 + 0.01 * seed) for seed in (0, 1, 2)),
        *(entry("a-hmlc", seed, 0.43 + 0.01 * seed) for seed in (0, 1, 2)),
        entry("supcon leaf", 0, 0.4, error="out of memory"),
        {"part": "evidence", "row": "epochs that fit", "values": {"epochs": 12}},
        {"part": "step", "row": "a-hmlc, seed 0, 12 epochs", "values": {}},
    ]
    cells = cells_of(entries)
    assert len(cells) == 6
    assert {tuple(cell.levels) for cell in cells} == {("superclass", "class")}
    rows = {(row.arm, row.figure, row.level): row for row in compare(suite_of("hmce code"), cells)}
    found = rows["a-hmlc", "probe_top1", "class"]
    assert found.data == DATA
    assert found.against is not None
    assert found.against.interval.mean == pytest.approx(3.0)
    assert found.against.wins == 3
    assert ("a-hmlc", "knn_top1", "mean") in rows


def test_runs_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"different numbers of epochs: \[6, 12\]"):
        cells_of([entry("a-hmlc", 0, 0.4), entry("hmce code", 0, 0.4, epochs=6)])
