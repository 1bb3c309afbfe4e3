"""Fixtures of the tests of reports."""

from __future__ import annotations

from pathlib import Path

import pytest
from quick_stores import made_once
from sweep_fixtures import put_store, tracker

__all__ = ["put_store", "tracker", "trained"]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the study's home and its report."""

    def write(folder: Path) -> None:
        # They load torch, which most tests here do without.
        from trained_study import trained_study

        from hmlc_ray.report.write import write_report

        write_report("made", trained_study(folder / "home"), folder / "report.html")

    return made_once(tmp_path_factory, "report", write)
