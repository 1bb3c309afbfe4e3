"""Real stores: sqlite always, PostgreSQL where its programs are installed, an MLflow server process."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    """A database cluster of its own; PostgreSQL refuses to run as root, so then another user runs it."""
    missing = [name for name in ("initdb", "pg_ctl") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"PostgreSQL's {' and '.join(missing)} not found")
    pytest.importorskip("psycopg2", reason="the extra `postgres` is not installed")
    user = _unprivileged()
    folder = Path(tempfile.mkdtemp(prefix="hmlc-pg-", dir="/tmp"))
    if user is not None:
        shutil.chown(folder, user)
    data, port = folder / "data", _free_port()

    def run(*command: str) -> None:
        with (folder.parent / f"{folder.name}.log").open("a") as log:
            subprocess.run(command, check=True, user=user, cwd=folder, stdout=log, stderr=log, timeout=DEADLINE)

    try:
        run("initdb", "-D", str(data), "-U", "hmlc", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        run("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "server.log"), "-o", options, "start")
        try:
            yield f"postgresql://hmlc:s3cr3t-word@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_suffix(".log").unlink(missing_ok=True)


def _unprivileged() -> str | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    pytest.skip("PostgreSQL does not run as root, and there is no user `postgres` or `nobody`")


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
        except (urllib.error.URLError, ConnectionError):
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
