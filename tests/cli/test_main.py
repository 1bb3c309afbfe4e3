"""The commands as a whole: help, version, and what must not be loaded for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_examples import Run

HEAVY = {"torch", "ray", "mlflow", "optuna", "numpy", "sklearn", "scipy", "torchvision", "pandas", "timm", "datasets"}
PROGRAM = f"""
import atexit, sys
from hmlc_ray.cli.main import run
atexit.register(lambda: print("loaded:", *sorted({HEAVY} & sys.modules.keys())))
run()
"""
TRIAL = "objective: {kind: a-hmlc, level_weights: [1, 2]}\n"
SPACE = "study: {name: s}\nspace: {objective.level_weights: {simplex: levels}}\n"
IMAGES = "data: {kind: image-folder, root: images}\nobjective: {level_weights: [1, 2]}\n"


def test_help_names_every_command(hmlc: Run) -> None:
    result = hmlc("--help")
    assert result.exit_code == 0
    for name in ("train", "sweep", "resume", "best", "report", "probe", "check", "ui", "taxonomy", "--version"):
        assert f"  {name} " in result.output


def test_version(hmlc: Run) -> None:
    from hmlc_ray import __version__

    assert hmlc("--version").output == f"hmlc-ray {__version__}\n"


@pytest.mark.parametrize("command", ["train", "sweep", "resume", "best", "report", "probe", "check", "ui", "taxonomy"])
def test_every_command_has_help(hmlc: Run, command: str) -> None:
    result = hmlc(command, "-h")
    assert result.exit_code == 0
    assert f"hmlc {command} " in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["train", "--help"],
        ["taxonomy", "show", "-h"],
        ["check", "t.yaml"],
        ["check", "s.yaml"],
        ["check", "i.yaml"],
    ],
)
def test_nothing_heavy_is_loaded(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "t.yaml").write_text(TRIAL)
    (tmp_path / "s.yaml").write_text(SPACE)
    (tmp_path / "i.yaml").write_text(IMAGES)
    for leaf in ("a/x", "b/y"):
        (tmp_path / "images" / leaf).mkdir(parents=True)
        (tmp_path / "images" / leaf / "1.png").touch()
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "loaded:"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["new", "imagse"], "hmlc: there is no folder or file '{here}/imagse' (did you mean 'images'?)"),
        (
            ["new", "images", "--out", "t.yaml"],
            "hmlc: t.yaml exists already and is not overwritten: choose another --out",
        ),
        (["new", "empty"], "hmlc: '{here}/empty' holds nothing that is known"),
        (["new", "images", "-o", "training.epochs=1"], "hmlc: -o training.epochs: only keys of data can be given here"),
        (["probe", "nosuch"], "hmlc: there is no folder 'nosuch', and there is no MLflow store in "),
        (["embed", "nosuch"], "hmlc: there is no folder 'nosuch', and there is no MLflow store in "),
        (["check", "typo.yaml"], "hmlc: data.root: there is no data folder '{here}/imagse' (did you mean 'images'?)"),
        (["check", "tt.yaml"], "hmlc: tt.yaml: there is no such file (did you mean 't.yaml'?)"),
    ],
)
def test_a_wrong_name_is_refused_before_torch_is_loaded(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    (tmp_path / "t.yaml").write_text(TRIAL)
    (tmp_path / "typo.yaml").write_text(SPACE + "base: {data: {kind: image-folder, root: imagse}}\n")
    (tmp_path / "empty").mkdir()
    for leaf in ("a/x", "b/y"):
        (tmp_path / "images" / leaf).mkdir(parents=True)
        (tmp_path / "images" / leaf / "1.png").touch()
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith(sentence.format(here=tmp_path))
    assert not {"torch", "ray"} & set(done.stdout.split())


def test_an_empty_temporary_directory_is_none(tmp_path: Path) -> None:
    """Ray would look for a cluster's address in the current folder."""
    program = """
import atexit, sys
from hmlc_ray.cli.main import run
from ray._common.utils import get_ray_address_file
atexit.register(lambda: print(get_ray_address_file(None)))
run()
"""
    environment = {**os.environ, "TMPDIR": "", "RAY_TMPDIR": ""}
    command = [sys.executable, "-c", program, "--version"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].startswith("/")


def test_an_unknown_command_is_a_usage_error(hmlc: Run) -> None:
    result = hmlc("trian")
    assert result.exit_code == 2
    assert "No such command 'trian'" in result.output
