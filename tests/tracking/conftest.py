"""Real stores: sqlite, PostgreSQL, an MLflow server process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import postgres

from hmlc_ray.tracking import Tracker

DEADLINE = 120


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def sqlite_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('sqlite')}/home/mlflow.db"


@pytest.fixture(scope="session")
def postgres_uri() -> Iterator[str]:
    with postgres() as uri:
        yield uri


@pytest.fixture(scope="session")
def server_uri(tmp_path_factory: pytest.TempPathFactory, sqlite_uri: str) -> Iterator[str]:
    """A real MLflow server, on the sqlite store that another fixture has filled with tables."""
    Tracker.connect(sqlite_uri)
    folder, port = tmp_path_factory.mktemp("server"), _free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", sqlite_uri, "--artifacts-destination", str(folder / "artifacts")]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            start_new_session=True,
        )
        try:
            _wait_until_healthy(f"http://127.0.0.1:{port}/health", server, folder / "log")
            yield f"http://someone:s3cr3t-word@127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(timeout=DEADLINE)


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + DEADLINE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:  # no connection yet, or no answer within the time
            if server.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"the MLflow server did not start:\n{log.read_text()}") from None
            time.sleep(0.1)


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_uri"))


@pytest.fixture
def experiment(request: pytest.FixtureRequest) -> str:
    """One per test, so that tests share a store but no runs."""
    return request.node.name.replace("[", "-").replace("]", "")


@pytest.fixture
def tracker(store: str, experiment: str, tmp_path: Path) -> Tracker:
    return Tracker.connect(store, experiment, artifact_root=tmp_path / "artifacts")


@pytest.fixture
def local(sqlite_uri: str, experiment: str) -> Tracker:
    """A Tracker of the embedded store."""
    return Tracker.connect(sqlite_uri, experiment)


@pytest.fixture
def port() -> int:
    """One that nobody listens on."""
    return _free_port()
