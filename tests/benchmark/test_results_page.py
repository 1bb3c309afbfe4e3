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
    """They are the same objective under two names, trained as arms of their own: what is measured can be repeated.

    To the digit where both were trained in one go; else perhaps on CPUs that round differently, to an image or two.
    """
    compared = 0
    for one in script["measured"]():
        cells = {(line.data, line.arm, line.number): line for line in one.cells}
        for (data, arm, seed), found in cells.items():
            other = cells.get((data, "sum-supcon", seed)) if arm == "g-hmlc none" else None
            if other is not None:
                off = abs(found.metrics["probe_top1/mean"] - other.metrics["probe_top1/mean"])
                assert off <= (0 if found.commit == other.commit else 1e-3), (one.suite.benchmark.name, data, seed)
                compared += found.commit == other.commit
    assert compared
