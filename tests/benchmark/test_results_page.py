"""The page of results holds what the results files say."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "docs" / "results.py"))


def test_its_tables_are_those_of_the_results_files(script: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    assert script["page"](list(script["measured"]())) == page, "results have changed: run `python docs/results.py`"


def test_summed_supcon_and_masks_of_ones_have_the_same_results(script: dict[str, Any]) -> None:
    """They are the same objective under two names, trained as arms of their own: what is measured can be repeated."""
    compared = 0
    for one in script["measured"]():
        metrics = {(line.data, line.arm, line.number): line.metrics for line in one.cells}
        for (data, arm, seed), found in metrics.items():
            other = metrics.get((data, "sum-supcon", seed)) if arm == "g-hmlc none" else None
            if other is not None:
                assert found["probe_top1/mean"] == other["probe_top1/mean"], (one.suite.benchmark.name, data, seed)
                compared += 1
    assert compared
