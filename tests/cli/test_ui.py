"""`hmlc ui`: loopback unless asked, nothing secret on the command line."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_examples import Run

from hmlc_ray.machine import foreground
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking.uri import with_driver


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What would have replaced this process."""
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(os, "execve", lambda *args: calls.append(args))
    return calls


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_it_serves_the_home_folder_on_loopback(hmlc: Run, started: list[tuple[Any, ...]], tmp_path: Path) -> None:
    (tmp_path / "h").mkdir()
    (tmp_path / "h" / "mlflow.db").touch()
    port = free_port()
    result = hmlc("ui", "--home", "h", "--port", port)
    assert result.output == f"MLflow: http://127.0.0.1:{port} (ready within seconds; Ctrl-C ends it)\n"
    ((program, command, environment),) = started
    assert program == sys.executable
    assert command[1:3] == ["-P", foreground.__file__]  # which ends it quietly
    assert command[3:8] == [sys.executable, "-P", "-m", "mlflow", "server"]
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert environment["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{tmp_path}/h/mlflow.db"
    # Its runners of jobs would be seven more processes with two gigabytes.
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert "ignore:starlette.middleware.wsgi is deprecated" in environment["PYTHONWARNINGS"].split(",")


def test_it_opens_at_the_runs_of_the_experiment_that_was_used_last(
    hmlc: Run, started: list[tuple[Any, ...]], tmp_path: Path
) -> None:
    tracker = Workspace.of(tmp_path / "h").open_tracker()
    tracker.study_run("old", tags={}, params={})
    study = tracker.study_run("new", tags={}, params={}, experiment="fruit")
    where = f"#/experiments/{tracker.experiment_of(study)}/runs?workflowType=machine_learning"
    port = free_port()
    address = f"http://127.0.0.1:{port}/{where}"
    assert (
        hmlc("ui", "--home", "h", "--port", port).output
        == f"MLflow: {address} (ready within seconds; Ctrl-C ends it)\n"
    )
    tracker.show_columns(study, ["tags.hmlc.status"])
    shown = hmlc("ui", "--home", "h", "--port", port).output
    assert shown == f"MLflow: {address}&viewStateShareKey=hmlc (ready within seconds; Ctrl-C ends it)\n"
    assert len(started) == 2


def test_a_password_stays_off_the_command_line(
    hmlc: Run, started: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hmlc_ray.tracking.store.check_store", lambda uri: None)
    monkeypatch.setattr("hmlc_ray.tracking.landing.landing_path", lambda uri: "")
    assert hmlc("ui", "--port", free_port(), "--tracking-uri", "postgresql://u:secret@db/x").exit_code == 0
    ((_, command, environment),) = started
    assert "secret" not in " ".join(command)
    assert environment["MLFLOW_BACKEND_STORE_URI"] == with_driver("postgresql://u:secret@db/x")


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("runs", "'runs' is not an MLflow store that this package can use: give http(s)://HOST:PORT of a server, "),
        ("sqlite:///none.db", "there is nothing to show: there is no file 'none.db' yet"),
        ("nosuch://h/x", "the MLflow store nosuch://h/x cannot be used: Can't load plugin: "),
    ],
)
def test_a_store_that_cannot_be_shown(hmlc: Run, started: list[tuple[Any, ...]], uri: str, sentence: str) -> None:
    result = hmlc("ui", "--tracking-uri", uri, "--port", free_port())
    assert (result.exit_code, started) == (2, [])
    assert result.stderr.startswith(f"hmlc: {sentence}")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "example.org"])
def test_other_machines_are_refused(hmlc: Run, started: list[tuple[Any, ...]], host: str) -> None:
    result = hmlc("ui", "--host", host)
    assert (result.exit_code, started) == (2, [])
    assert result.stderr == (
        f"hmlc: --host {host} can be reached by other machines, and the interface has no password: "
        "add --allow-remote if that is wanted\n"
    )


def test_other_machines_on_request(hmlc: Run, started: list[tuple[Any, ...]]) -> None:
    Path("x").touch()
    result = hmlc("ui", "--host", "0.0.0.0", "--allow-remote", "--port", free_port(), "--tracking-uri", "sqlite:///x")
    assert (result.exit_code, len(started)) == (0, 1)


def test_an_empty_home_has_nothing_to_show(hmlc: Run, tmp_path: Path) -> None:
    result = hmlc("ui")
    assert (result.exit_code, result.stderr) == (
        2,
        f"hmlc: there is nothing to show: there is no file '{tmp_path}/hmlc-home/mlflow.db' yet\n",
    )


def test_a_taken_port(hmlc: Run, started: list[tuple[Any, ...]]) -> None:
    Path("x").touch()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = hmlc("ui", "--port", port, "--tracking-uri", "sqlite:///x")
    assert (result.exit_code, started) == (2, [])
    assert f"cannot listen on 127.0.0.1:{port}" in result.stderr


def test_a_server_is_only_named(hmlc: Run, started: list[tuple[Any, ...]]) -> None:
    result = hmlc("ui", "--tracking-uri", "https://u:secret@example.org/mlflow")
    assert result.output == "the runs are on an MLflow server already: https://example.org/mlflow\n"
    assert started == []
