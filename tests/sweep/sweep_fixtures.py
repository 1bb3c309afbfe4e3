"""Fixtures of the tests that run real sweeps; the conftest of each folder that uses them imports them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from quick_stores import made_once
from sandbox import Sandbox

from hmlc_ray.home import Home
from hmlc_ray.tracking import Tracker
from hmlc_ray.tracking.opening import open_tracker


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


@pytest.fixture
def tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tracker:
    """The embedded store of a home of its own."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return open_tracker(None, Home.of(tmp_path))


@pytest.fixture
def started(sandbox: Sandbox) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes of a test, ended with it whatever happens."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The sweep of `Sandbox.seeded`, without a fault; to be read only."""

    def sweep(folder: Path) -> None:
        sandbox = Sandbox(folder)
        done = sandbox.hmlc("sweep", sandbox.seeded())
        assert done.returncode == 0, done.stderr

    return Sandbox(made_once(tmp_path_factory, "undisturbed", sweep))
