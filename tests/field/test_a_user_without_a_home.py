"""`docker run --user 12345`: no entry in passwd, no HOME. Every command works, or says what to set."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from hmlc_ray.errors import ConfigError
from hmlc_ray.home import Home
from hmlc_ray.machine import user
from hmlc_ray.machine.user import expanded, prepare_user
from hmlc_ray.study import schema
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.cluster.token import check_token_file

# What the program finds where the user's number has no entry.
NOBODY = """
import pwd, sys
def unknown(_): raise KeyError("getpwuid(): uid not found: 12345")
pwd.getpwuid = unknown
from hmlc_ray.cli.main import run
sys.argv = ["hmlc", *sys.argv[1:]]
run()
"""
TRIAL = """
data: {kind: digits}
encoder: {kind: mlp, hidden_dim: 16, feature_dim: 8}
head: {hidden_dim: 8, embedding_dim: 4}
objective: {kind: supcon}
training: {epochs: 1}
evaluation: {every: 1, probe_regularisation: [0.1]}
"""
NAMES = ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "MLFLOW_TRACKING_URI", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    def unknown(_: int) -> pwd.struct_passwd:
        raise KeyError("uid not found")

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for name in (*NAMES, user._STAND_IN):
        monkeypatch.setenv(name, "")  # so that the test's end takes away what is set meanwhile
        monkeypatch.delenv(name)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def hmlc(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in NAMES}
    env |= {"TMPDIR": str(folder), "HMLC_CPUS": "1"}
    command = [sys.executable, "-c", NOBODY, *args]
    return subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=200)


@pytest.mark.slow
def test_a_run_is_trained_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / "t.yaml").write_text(TRIAL)
    done = hmlc(tmp_path, "train", "t.yaml")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert list((tmp_path / "hmlc-home" / "runs").glob("*/encoder/encoder.pt2"))
    (run,) = Workspace(Home.of(tmp_path / "hmlc-home")).open_tracker().singles()
    assert run.tags[schema.CPU_THREADS] == "1"


def test_looking_needs_no_home(tmp_path: Path) -> None:
    done = hmlc(tmp_path, "status")
    assert (done.returncode, done.stdout, done.stderr) == (0, "there is no study yet\n", "")
    refused = hmlc(tmp_path, "status", "--home", "~/x")
    assert (refused.returncode, refused.stderr) == (
        2,
        "hmlc: ~/x begins with a home directory that is not known: write it out, or set HOME\n",
    )


def test_a_home_of_nobody_in_a_file_is_told_in_a_sentence(tmp_path: Path) -> None:
    done = hmlc(tmp_path, "taxonomy", "show", "~nobody-has-this-name/tree.csv")
    assert (done.returncode, done.stderr) == (
        2,
        "hmlc: a path begins with a home directory that is not known: write it out\n",
    )


def test_programs_find_a_home_and_a_name(nobody: Path) -> None:
    prepare_user()
    home = Path(os.environ["HOME"])
    assert home.parent.parent == nobody
    assert home.stat().st_mode & 0o077 == 0
    assert os.environ["USER"] == f"uid-{os.geteuid()}"
    with pytest.raises(ConfigError, match="~/data begins with a home directory that is not known"):
        expanded("~/data")
    with pytest.raises(ConfigError, match="set HOME"):
        Home.of("~/data")
    assert expanded("/data") == Path("/data")
    check_token_file()  # looks for Ray's below the home directory


def test_a_home_that_is_known_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/known")
    monkeypatch.setenv("USER", "someone")
    monkeypatch.setenv("LOGNAME", "someone")
    prepare_user()
    assert (os.environ["HOME"], os.environ["USER"]) == ("/known", "someone")
    assert expanded("~/data") == Path("/known/data")
    with pytest.raises(ConfigError, match="~nobody-has-this-name/x begins with a home directory that is not known"):
        expanded("~nobody-has-this-name/x")
