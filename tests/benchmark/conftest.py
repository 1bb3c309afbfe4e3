"""Suites without Ray: what a driver would train is made up from the configuration alone."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from fake_sweeps import FakeSweeps
from sweep_fixtures import put_store, sandbox, started  # noqa: F401

from hmlc_ray.benchmark import rounds, run
from hmlc_ray.home import Home


@pytest.fixture
def sweeps(monkeypatch: pytest.MonkeyPatch) -> FakeSweeps:
    """Takes the place of the sweeps that a suite runs."""
    fake = FakeSweeps()
    monkeypatch.setattr(rounds, "run_sweep", fake.run)
    monkeypatch.setattr(rounds, "resume_sweep", fake.resume)
    monkeypatch.setattr(run, "connected", lambda address: nullcontext())
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return fake


@pytest.fixture
def home(tmp_path: Path, put_store: Callable[[Home], Home]) -> Home:  # noqa: F811
    """A home with a store."""
    return put_store(Home.of(tmp_path / "home"))
