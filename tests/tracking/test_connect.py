"""Opening stores: where files go, and how an unusable store is reported."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from hmlc_ray.errors import TrackingError
from hmlc_ray.tracking import Tracker
from hmlc_ray.tracking import store as store_module


def _refused(uri: str) -> tuple[str, float]:
    start = time.monotonic()
    with pytest.raises(TrackingError) as caught:
        Tracker.connect(uri)
    return str(caught.value), time.monotonic() - start


@pytest.mark.parametrize("scheme", ["http", "postgresql"])
def test_nobody_listens(scheme: str, port: int) -> None:
    if scheme == "postgresql":
        pytest.importorskip("psycopg2", reason="the extra `postgres` is not installed")
    message, seconds = _refused(f"{scheme}://me:s3cr3t-word@127.0.0.1:{port}/x?token=s3cr3t-word")
    assert f"://127.0.0.1:{port}/x cannot be used" in message
    assert "s3cr3t-word" not in message
    assert "\n" not in message
    assert seconds < 120  # MLflow itself tries for many minutes


def test_a_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "CONNECT_SECONDS", 1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        message, seconds = _refused(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert "cannot be used" in message
    assert seconds < 120  # MLflow itself tries for many minutes


def test_the_environment_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "9")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
    _refused(f"http://127.0.0.1:{port}")
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "9"
    assert "MLFLOW_HTTP_REQUEST_TIMEOUT" not in os.environ


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    message, _ = _refused(f"sqlite:///{tmp_path}/file/mlflow.db")
    assert "cannot be used" in message


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("these are not the tables you are looking for" * 100)
    message, _ = _refused(f"sqlite:///{tmp_path}/mlflow.db")
    assert "not a database" in message


@pytest.mark.parametrize("uri", ["./mlruns", "file:///tmp/mlruns"])
def test_stores_that_mlflow_no_longer_writes(uri: str) -> None:
    message, _ = _refused(uri)
    assert "sqlite:///PATH" in message


@pytest.mark.parametrize("uri", ["sqlite://", "sqlite:///:memory:"])
def test_a_store_in_memory(uri: str) -> None:
    assert "lost with the process" in _refused(uri)[0]


def test_a_database_whose_driver_is_missing() -> None:
    assert "hmlc-ray[postgres]" in _refused("postgresql+pg8000://me@localhost/x")[0]


@pytest.mark.parametrize(
    "uri", ["postgresql://me@host:PORT/x", "postgresql://me:s3cr3t@:@host/x", "postgresql://[::1/x"]
)
def test_a_uri_that_cannot_be_read(uri: str) -> None:
    message = _refused(uri)[0]
    assert "cannot be read: a port is a number" in message
    assert "s3cr3t" not in message


def test_a_deleted_experiment(sqlite_uri: str, experiment: str, local: Tracker) -> None:
    from mlflow.tracking import MlflowClient

    MlflowClient(sqlite_uri).delete_experiment(local.experiment_id)
    with pytest.raises(TrackingError, match="is deleted"):
        Tracker.connect(sqlite_uri, experiment)


def test_artifacts_lie_beside_an_sqlite_store(sqlite_uri: str, local: Tracker) -> None:
    run_id = local.single_run("run", params={}, tags={})
    local.log_dict(run_id, {"a": 1}, "config.json")
    home = Path(sqlite_uri.removeprefix("sqlite:///")).parent
    assert [path.name for path in (home / "artifacts").rglob(f"*/{run_id}/artifacts/*")] == ["config.json"]


def test_a_relative_path_is_below_the_working_directory(
    tmp_path: Path, sqlite_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Tracker.connect(sqlite_uri)
    home = Path(sqlite_uri.removeprefix("sqlite:///")).parent
    (tmp_path / "hmlc-home").mkdir()
    with (
        closing(sqlite3.connect(home / "mlflow.db")) as made,
        closing(sqlite3.connect(tmp_path / "hmlc-home" / "mlflow.db")) as copy,
    ):
        made.backup(copy)  # the file alone may lack what is in its log
    monkeypatch.chdir(tmp_path)
    tracker = Tracker.connect("sqlite:///hmlc-home/mlflow.db", "relative")
    tracker.log_dict(tracker.single_run("run", params={}, tags={}), {}, "empty.json")
    assert list((tmp_path / "hmlc-home" / "artifacts" / "relative").rglob("empty.json"))


@pytest.mark.slow
def test_a_fresh_store_is_made_in_silence(tmp_path: Path) -> None:
    code = "import sys; from hmlc_ray.tracking import Tracker; Tracker.connect(sys.argv[1])"
    uri = f"sqlite:///{tmp_path}/new/folder/mlflow.db"
    done = subprocess.run([sys.executable, "-c", code, uri], capture_output=True, text=True, check=True, timeout=120)
    assert (done.stdout, done.stderr) == ("", "")
