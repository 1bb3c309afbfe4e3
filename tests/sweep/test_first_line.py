"""What a log begins with: before torch and Ray are loaded, which takes seconds, and here never ends."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from sandbox import Sandbox, wait_until

from hmlc_ray.study.resuming import resumed_by

pytestmark = pytest.mark.slow
ENDLESS = "import time; time.sleep(600)\n"


@pytest.fixture
def endless(tmp_path: Path) -> dict[str, str]:
    """An environment in which whoever loads torch or Ray does nothing else."""
    for name in ("torch", "ray"):
        (tmp_path / "endless" / name).mkdir(parents=True)
        (tmp_path / "endless" / name / "__init__.py").write_text(ENDLESS)
    return {"PYTHONPATH": str(tmp_path / "endless")}


@pytest.mark.parametrize(
    ("command", "line"),
    [("sweep", "small: loading torch and Ray\n"), ("train", "loading torch\n")],
)
def test_it_comes_before_torch_and_ray(
    sandbox: Sandbox, started: list[subprocess.Popen[str]], endless: dict[str, str], command: str, line: str
) -> None:
    process = sandbox.start(command, sandbox.space(), env=endless)
    started.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == line


def test_a_resume_shows_that_it_has_begun_before_them_too(
    sandbox: Sandbox, started: list[subprocess.Popen[str]], endless: dict[str, str]
) -> None:
    sandbox.home.root.mkdir()
    process = sandbox.start("resume", "small", env=endless)
    started.append(process)
    by = wait_until(lambda: resumed_by("small", sandbox.home), "the resume to show that it has begun")
    assert by.startswith(f"process {process.pid} on ")
    process.kill()
    process.wait()
    assert resumed_by("small", sandbox.home) is None
