"""Fixtures of the sweep's tests."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sandbox import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


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
    """The sweep of `Sandbox.seeded`, without a fault."""
    sandbox = Sandbox(tmp_path_factory.mktemp("undisturbed"))
    done = sandbox.hmlc("sweep", sandbox.seeded())
    assert done.returncode == 0, done.stderr
    return sandbox
