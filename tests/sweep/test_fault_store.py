"""The MLflow server dies in mid-sweep: what it lacks is kept in order and sent, and the sweep goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from invariants import check_sound
from mlflow_server import MlflowServer
from sandbox import TRIALS, Sandbox, drain, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlflowServer]:
    server = MlflowServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def served(tmp_path: Path, server: MlflowServer) -> Sandbox:
    return Sandbox(tmp_path, server.uri)


def kept(sandbox: Sandbox) -> str:
    """The operations that wait on disk."""
    file = sandbox.home.spool("small") / "operations.jsonl"
    return file.read_text() if file.exists() else ""


@pytest.mark.journey
def test_metrics_are_kept_and_sent_when_the_server_is_back(
    served: Sandbox, server: MlflowServer, undisturbed: Sandbox, started: list[subprocess.Popen[str]]
) -> None:
    # The driver waits longer at the end than a server may take to start.
    process = served.start("sweep", served.seeded(), env={"HMLC_STORE_WAIT": "300"})
    started.append(process)
    lines = drain(process)
    wait_until(served.in_training, "two epochs of a trial", by=lines)
    server.kill()
    # Trials begin, report and end while nobody listens.
    wait_until(
        lambda: '"kind":"trial"' in kept(served) and '"kind":"finish"' in kept(served),
        "a whole trial on disk",
        by=lines,
    )
    server.start()
    assert process.wait(timeout=400) == 0, "".join(lines)
    text = lines.whole()
    assert text.count("cannot be used") == 1
    assert "and sent when it answers again" in text
    assert "the MLflow store answers again" in text
    assert "test split" in text
    check_sound(served, TRIALS, like=undisturbed)


@pytest.mark.fault
def test_a_sweep_that_ends_while_the_server_is_away_says_how_to_send_the_rest(
    served: Sandbox, server: MlflowServer, undisturbed: Sandbox, started: list[subprocess.Popen[str]]
) -> None:
    process = served.start("sweep", served.seeded(), env={"HMLC_STORE_WAIT": "0"})
    started.append(process)
    lines = drain(process)
    wait_until(served.in_training, "two epochs of a trial", by=lines)
    server.kill()
    assert process.wait(timeout=400) == 2, "".join(lines)
    text = " ".join(lines.whole().split())
    assert f"are kept in {served.home.spool('small')}, nothing is lost; when it is back, `hmlc resume small`" in text
    assert "Traceback" not in text
    refused = served.here("resume", "small")
    assert (refused.returncode, "cannot be used" in refused.stderr) == (2, True)

    server.start()
    resumed = served.hmlc("resume", "small")
    assert resumed.returncode == 0, resumed.stderr
    assert "records were sent" in resumed.stdout
    check_sound(served, TRIALS, like=undisturbed)
