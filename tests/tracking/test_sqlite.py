"""The embedded store: readers never keep the writer out."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from hmlc_ray.tracking import Tracker
from hmlc_ray.tracking.sqlite import is_local, make_whole


def mode_of(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "mlflow.db"


@pytest.fixture
def reader(file: Path) -> Iterator[sqlite3.Connection]:
    """In the midst of reading, as a status command or the web interface can be at any moment."""
    if not is_local(file.parents[1]):
        pytest.skip("the tests' folder lies on a file system that may not be this machine's own")
    tracker = Tracker.connect(f"sqlite:///{file}")
    tracker.study_run("s", tags={}, params={})
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("BEGIN")
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)
        yield connection
        connection.rollback()


def test_a_study_is_written_while_somebody_reads(file: Path, reader: sqlite3.Connection) -> None:
    tracker = Tracker.connect(f"sqlite:///{file}")
    parent = tracker.find_study("s")
    assert parent is not None
    run = tracker.trial_run(parent, "0", name="s-0000", params={}, tags={})
    tracker.log(run, [(1, {"loss": 1.0})])
    assert reader.execute("SELECT count(*) FROM runs").fetchone() == (1,)  # what it began with
    reader.rollback()
    assert reader.execute("SELECT count(*) FROM runs").fetchone() == (2,)


def make(staging: Path) -> None:
    with closing(sqlite3.connect(staging)) as connection:
        connection.execute("CREATE TABLE mine (x)")


def test_a_store_that_is_there_is_left_as_it_is(file: Path) -> None:
    file.parent.mkdir()
    make(file)
    make_whole(file, lambda staging: pytest.fail("it was made again"), log=True)
    assert mode_of(file) == "delete"


@pytest.mark.parametrize(("kind", "expected"), [("nfs4", "delete"), ("virtiofs", "delete"), ("ext4", "wal")])
def test_only_a_disk_of_this_machine_gets_a_log(
    file: Path, monkeypatch: pytest.MonkeyPatch, kind: str, expected: str
) -> None:
    parts = [
        SimpleNamespace(mountpoint="/", fstype="ext4"),
        SimpleNamespace(mountpoint=str(file.parents[1]), fstype=kind),
    ]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: parts)
    assert is_local(file.parents[1]) == (expected == "wal")
    make_whole(file, make, log=True)
    assert mode_of(file) == expected


def test_looking_at_a_store_loads_neither_ray_nor_torch() -> None:
    code = "import sys, hmlc_ray.study.status; print([n for n in ('ray', 'torch', 'optuna') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
