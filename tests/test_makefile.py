from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def _make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # Without what an outer `make test` passes on.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def test_without_a_fitting_python_one_sentence_says_so(tmp_path: Path) -> None:
    done = _make("install", f"VENV={tmp_path}/venv", "PYTHON=false")
    assert done.returncode == 2
    assert "Python 3.11, 3.12 or 3.13 with its venv module is needed" in done.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize("target", ["demo", "test", "lint", "bench", "ui"])
def test_what_is_current_is_not_installed_again(tmp_path: Path, target: str) -> None:
    (tmp_path / ".installed").touch()
    assert "pip install" not in _make("-n", target, f"VENV={tmp_path}").stdout
    os.utime(tmp_path / ".installed", (0, 0))
    assert "pip install" in _make("-n", target, f"VENV={tmp_path}").stdout


def test_help_names_every_target() -> None:
    text = _make().stdout
    assert all(f"make {target}" in text for target in ("demo", "test", "test-faults", "lint", "bench", "ui", "clean"))
