"""What the shell completes, through Typer's own protocol; nothing heavy is loaded for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import atexit, sys
from hmlc_ray.cli.main import run
atexit.register(lambda: print("loaded:", *sorted({"torch", "ray", "mlflow", "optuna", "numpy"} & sys.modules.keys())))
sys.argv = ["hmlc"]
run()
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("digits-1", "digits-2", "other"):
        (tmp_path / "home" / "studies" / name).mkdir(parents=True)
        (tmp_path / "home" / "studies" / name / "sweep.json").touch()
    (tmp_path / "home" / "runs" / "d1b2").mkdir(parents=True)
    (tmp_path / "s.yaml").write_text("study: {name: s}\nprofiles: {smoke: {}, small: {}}\n")
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("hmlc comp", ["compare"]),
        ("hmlc best d", ["digits-1", "digits-2"]),
        ("hmlc watch o", ["other"]),
        ("hmlc compare digits-1 d", ["digits-1", "digits-2", "d1b2"]),
        ("hmlc data show mesh", ["mesh-folder"]),
        ("hmlc sweep s.yaml --profile sm", ["small", "smoke"]),
        ("hmlc sweep cifar100 --profile sm", ["smoke"]),
        ("hmlc sweep none.yaml --profile sm", []),
    ],
)
def test_names_are_completed(home: Path, words: str, completed: list[str]) -> None:
    typed = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1), "_HMLC_COMPLETE": "complete_bash"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=home.parent,
        env={**os.environ, "HMLC_HOME": str(home), **typed},
        capture_output=True,
        text=True,
        check=True,
    )
    *lines, loaded = done.stdout.splitlines()
    assert sorted(filter(None, lines)) == sorted(completed)
    assert loaded == "loaded:"
