"""The Slurm script with Slurm's two commands played by scripts: real Ray, one machine, two nodes' worth of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from deployment import ROOT
from sandbox import wait_ended, wait_until
from small_space import small_space

from hmlc_ray.home import Home
from hmlc_ray.study import schema
from hmlc_ray.tracking import Tracker

SCRIPT = ROOT / "cluster" / "slurm" / "sweep.sbatch"


@pytest.fixture
def job(tmp_path: Path) -> dict[str, str]:
    """The environment of a batch script with two nodes."""
    (tmp_path / "space.yaml").write_text(small_space("s"))
    bins = [str(ROOT / "tests" / "deploy" / "fake_slurm"), str(Path(sys.executable).parent)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "MLFLOW_", "SLURM_"))}
    return clean | {
        "PATH": ":".join([*bins, os.environ["PATH"]]),
        "HMLC_HOME": str(tmp_path / "home"),
        "SLURM_JOB_ID": str(os.getpid()),
        "SLURM_JOB_NODELIST": "one,two",
        "SLURM_CPUS_PER_TASK": "1",
        "FAKE_SLURM_LOG": str(tmp_path / "steps"),
    }


def test_what_is_missing_is_said(job: dict[str, str]) -> None:
    def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([SCRIPT, *args], env={**job, **env}, capture_output=True, text=True)

    assert (run("space.yaml").returncode, run("space.yaml").stderr[:13]) == (2, "usage: sbatch")
    assert "HMLC_HOME: must name a folder that all nodes share" in run("s", "n", HMLC_HOME="").stderr
    assert "SLURM_JOB_ID: is set by Slurm" in run("s", "n", SLURM_JOB_ID="").stderr


@pytest.mark.slow
@pytest.mark.fault
def test_a_study_runs_and_nothing_is_left(job: dict[str, str], tmp_path: Path) -> None:
    process = subprocess.Popen(
        [SCRIPT, "space.yaml", "on-slurm"],
        cwd=tmp_path,
        env=job,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    family = {process.pid: psutil.Process(process.pid)}
    modes: set[int] = set()
    shown = ""
    while process.poll() is None:
        for child in family[process.pid].children(recursive=True) if process.poll() is None else ():
            family[child.pid] = child
        for token in (tmp_path / "home").glob("slurm-*/token"):
            with suppress(FileNotFoundError):  # the job has ended meanwhile
                modes.add(token.stat().st_mode & 0o777)
        time.sleep(0.2)
    shown = process.communicate(timeout=60)[0]
    assert process.returncode == 0, shown
    assert modes == {0o600}
    steps = [line.split() for line in (tmp_path / "steps").read_text().splitlines()]
    assert steps[:3] == [["one", "python", "-c"], ["one", "ray", "start"], ["two", "ray", "start"]]
    assert steps[3:] == [["one", "rm", "-rf"], ["two", "rm", "-rf"]]
    assert not list(Path("/tmp").glob(f"ray-{job['SLURM_JOB_ID']}*"))
    home = Home.of(tmp_path / "home")
    assert not list(home.root.glob("slurm-*/")), "the token is gone"
    wait_ended(list(family.values()))
    tracker = Tracker.connect(home.tracking_uri, artifact_root=home.artifacts)
    parent = tracker.find_study("on-slurm")
    assert parent is not None
    assert [run.tags[schema.STATUS] for run in tracker.children(parent)] == ["completed", "completed"]


@pytest.mark.slow
@pytest.mark.fault
def test_a_job_that_is_told_to_end_ends_what_it_started(job: dict[str, str], tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(
            [SCRIPT, "space.yaml", "ended", "-o", "study.num_trials=500"],
            cwd=tmp_path, env=job, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def begun() -> bool:
        shown = (tmp_path / "out").read_text()
        assert process.poll() is None, shown
        return "ended: 1/500 trials done" in shown

    wait_until(begun, "the end of a trial")
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=400) == 143
    wait_ended(family)
    assert not list((tmp_path / "home").glob("slurm-*/"))
