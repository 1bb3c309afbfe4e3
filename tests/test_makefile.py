from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def _make(*arguments: str) -> subprocess.CompletedProcess[str]:
    # Without what an outer `make test` passes on.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)


def test_without_a_fitting_python_one_sentence_says_so(tmp_path: Path) -> None:
    done = _make("install", f"VENV={tmp_path}/venv", "PYTHON=false")
    assert done.returncode == 2
    assert "Python 3.11, 3.12 or 3.13 with its venv module is needed" in done.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.parametrize("target", ["demo", "test", "lint", "docs", "bench", "ui"])
def test_what_is_current_is_not_installed_again(tmp_path: Path, target: str) -> None:
    (tmp_path / ".installed").touch()
    assert "pip install" not in _make("-n", target, f"VENV={tmp_path}").stdout
    os.utime(tmp_path / ".installed", (0, 0))
    assert "pip install" in _make("-n", target, f"VENV={tmp_path}").stdout


def test_the_demo_installs_the_package_alone_and_the_tests_their_tools(tmp_path: Path) -> None:
    demo, tests = (_make("-n", target, f"VENV={tmp_path}").stdout for target in ("demo", "test"))
    assert "-e '.'" in demo
    assert "[dev" not in demo
    assert "-e '.[dev,docs,postgres,s3,server]'" in tests
    (tmp_path / ".installed-package").touch()
    assert "pip install" not in _make("-n", "demo", f"VENV={tmp_path}").stdout
    assert "[dev" in _make("-n", "test", f"VENV={tmp_path}").stdout, "the demo's environment lacks the tests' tools"


def test_the_demo_writes_a_report(tmp_path: Path) -> None:
    (tmp_path / ".installed").touch()
    line = _make("-n", "demo", f"VENV={tmp_path}", "ARGS=--trials 2").stdout.splitlines()[-1]
    assert re.search(r"/hmlc sweep search_spaces/digits\.yaml --report --name demo-\S.* --trials 2$", line)


def test_help_names_every_target() -> None:
    (declared,) = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = set(re.findall(r"^make (\S+)", _make().stdout, flags=re.MULTILINE))
    assert named == set(declared.split()) - {"help", "install"}


def test_a_terminal_sees_what_is_installed_and_a_failure_ends_it(tmp_path: Path) -> None:
    pip = tmp_path / "venv" / "bin" / "python"
    pip.parent.mkdir(parents=True)
    pip.write_text(
        '#!/bin/sh\n[ "$1" = -c ] && exit 0\necho "$@" >> calls\necho Collecting torch\necho noise\nexit ${FAILS:-0}\n'
    )
    pip.chmod(0o755)
    shutil.copy(ROOT / "Makefile", tmp_path / "Makefile")
    (tmp_path / "pyproject.toml").touch()
    shown = _in_terminal(tmp_path, "0")
    assert "Collecting torch" in shown
    assert "noise" not in shown
    assert (tmp_path / "venv" / ".installed").exists()
    (tmp_path / "venv" / ".installed").unlink()
    assert "Error 3" in _in_terminal(tmp_path, "3")
    assert not (tmp_path / "venv" / ".installed").exists()


def _in_terminal(folder: Path, fails: str) -> str:
    """What `make install` writes to a terminal."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "install", "VENV=venv"],
        cwd=folder,
        env=environment | {"FAILS": fails},
        stdout=theirs,
        stderr=subprocess.STDOUT,
        timeout=200,
        check=False,
    )
    assert (done.returncode != 0) == (fails != "0")
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    return shown
