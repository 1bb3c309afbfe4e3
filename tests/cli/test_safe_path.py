"""No Python that a command starts imports modules from the current folder, where a user's own `json.py` may lie."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from hmlc_ray.cli.ui import server_command

MODULES = ("json", "random", "mlflow", "multiprocessing", "signal", "uvicorn", "loky")
CHILD = """
import subprocess, sys
from hmlc_ray.cli.main import run
sys.argv = ["hmlc", "--version"]
try:
    run()
except SystemExit:
    pass
print(subprocess.run([sys.executable, "-c", "import sys; print(sys.path)"], capture_output=True, text=True).stdout)
"""


def test_processes_of_a_command_import_nothing_from_the_current_folder(tmp_path: Path) -> None:
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('the file {name}.py was imported')", encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    done = subprocess.run([sys.executable, "-P", "-c", CHILD], cwd=tmp_path, env=clean, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    version, paths = done.stdout.strip().splitlines()
    assert version.startswith("hmlc-ray ")
    assert paths.startswith("[")
    assert "''" not in paths
    assert str(tmp_path) not in paths


def test_uvicorn_does_not_either(tmp_path: Path) -> None:
    """It puts a folder before all others by itself, whatever the interpreter was told."""
    _, environment = server_command("sqlite:///x", tmp_path, "127.0.0.1", 5000)
    folder = environment["UVICORN_APP_DIR"]
    assert Path(folder, "json").is_dir(), "Python's own library, which is on the path anyway"
