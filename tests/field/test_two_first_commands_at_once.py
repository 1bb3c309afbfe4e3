"""Stores that several processes make at the same time, and makers that are killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
from postgres_server import postgres

from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.errors import ConfigError, StudyError, TrackingError
from hmlc_ray.home import Home
from hmlc_ray.study.folder import driven
from hmlc_ray.sweep.tune.optuna_storage import TrialStorage
from hmlc_ray.tracking import Tracker
from hmlc_ray.tracking import sqlite as sqlite_module
from hmlc_ray.tracking.sqlite import make_whole, table_names
from hmlc_ray.tracking.store import check_store

WORKERS = 8


def fill(staging: Path) -> None:
    with closing(sqlite3.connect(staging)) as connection:
        connection.execute("CREATE TABLE first (x)")
        connection.execute("CREATE TABLE last (x)")


@pytest.mark.parametrize("before", ["nothing", "an empty file", "a database without tables"])
def test_one_makes_the_store_and_the_others_wait(tmp_path: Path, before: str) -> None:
    file, barrier, calls = tmp_path / "new [1]" / "a?b.db", Barrier(WORKERS), []
    if before != "nothing":
        file.parent.mkdir()
        file.touch()
    if before == "a database without tables":
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")

    def make(staging: Path) -> None:
        calls.append(staging)
        fill(staging)

    def start(_: int) -> set[str]:
        barrier.wait()
        make_whole(file, make, log=True)
        return table_names(file)

    with ThreadPoolExecutor(WORKERS) as pool:
        assert list(pool.map(start, range(WORKERS))) == [{"first", "last"}] * WORKERS
    assert len(calls) == 1
    assert [path.name for path in file.parent.glob("*partial*")] == []


def test_without_locks_one_store_is_taken_and_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a network's file system that has none."""

    def refuses(*_: object, **__: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(sqlite_module.FileLock, "acquire", refuses)
    file, barrier = tmp_path / "o.db", Barrier(WORKERS)

    def make(staging: Path) -> None:
        fill(staging)
        barrier.wait()

    def start(_: int) -> int:
        make_whole(file, make, log=False)
        return file.stat().st_ino

    with ThreadPoolExecutor(WORKERS) as pool:
        assert len(set(pool.map(start, range(WORKERS)))) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["o.db"]


def test_a_maker_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    code = (
        "import sqlite3, sys, pathlib\n"
        "from hmlc_ray.tracking.sqlite import make_whole\n"
        "def make(staging):\n"
        "    connection = sqlite3.connect(staging)\n"
        "    connection.execute('CREATE TABLE first (x)')\n"
        "    print('begun', flush=True)\n"
        "    sys.stdin.read()\n"
        "make_whole(pathlib.Path(sys.argv[1]), make, log=True)\n"
    )
    maker = subprocess.Popen(
        [sys.executable, "-c", code, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with maker:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "begun\n"
        assert not file.exists()
        assert list(tmp_path.glob("*.partial"))
        maker.send_signal(signal.SIGKILL)
    make_whole(file, fill, log=True)
    assert table_names(file) == {"first", "last"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mlflow.db.lock", "mlflow.db"]


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        (
            ["alembic_version (version_num)", "latest_metrics (key)"],
            r"was never finished, .* so move .*mlflow.db away ",
        ),
        (["experiments (name)", "runs (run_uuid)"], r"it holds no runs, so move .*mlflow.db away "),
        (
            ["studies (study_id)", "alembic_version (version_num)"],
            r"is a database of Optuna's; MLflow needs one of its",
        ),
    ],
)
def test_a_store_that_an_older_version_left_half_made(tmp_path: Path, tables: list[str], sentence: str) -> None:
    """Before MLflow tries to mend it, which ends with `table ... already exists`."""
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        for table in tables:
            connection.execute(f"CREATE TABLE {table}")
    for use in (Tracker.connect, check_store):
        with pytest.raises(TrackingError, match=sentence) as caught:
            use(f"sqlite:///{tmp_path}/mlflow.db")
        assert "\n" not in str(caught.value)


def test_an_optuna_storage_that_two_processes_of_an_older_version_made(tmp_path: Path) -> None:
    study = StudyConfig(name="s", optuna_storage=f"sqlite:///{tmp_path}/o.db")
    TrialStorage(study, Home.of(tmp_path)).open()
    with closing(sqlite3.connect(tmp_path / "o.db")) as connection, connection:
        connection.execute("DROP TABLE trial_heartbeats")
        connection.execute("DELETE FROM alembic_version")
    TrialStorage(study, Home.of(tmp_path)).open()  # Optuna finishes what is only missing
    with closing(sqlite3.connect(tmp_path / "o.db")) as connection, connection:
        connection.execute("INSERT INTO alembic_version VALUES ('v3.0.0.d')")
    with pytest.raises(ConfigError, match=r"Optuna's storage sqlite:///.*o.db was not finished, .* restore a backup"):
        TrialStorage(study, Home.of(tmp_path)).open()


def test_refused_sweeps_of_one_name_do_not_take_the_folder_from_each_other(tmp_path: Path) -> None:
    home, barrier = Home.of(tmp_path / "home"), Barrier(WORKERS)

    def start(_: int) -> int:
        barrier.wait()
        held = 0
        for _ in range(50):
            try:
                with driven("s", home):
                    held += 1
            except StudyError:
                continue
        return held

    with ThreadPoolExecutor(WORKERS) as pool:
        assert sum(pool.map(start, range(WORKERS))) > 0


CODE = """
import os, sys
import mlflow.store.tracking.sqlalchemy_store, optuna
from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.home import Home
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.tune.optuna_storage import TrialStorage
home = Home.of(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
Workspace(home).open_tracker().single_run("r", params={"a": 1}, tags={})
print(len(optuna.get_all_study_names(TrialStorage(StudyConfig(name="s"), home).open())))
"""


@pytest.fixture(params=["sqlite", "postgres"])
def stores(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The environment of a home's first commands; Optuna and MLflow have a database each."""
    clean = {name: value for name, value in os.environ.items() if name not in ("MLFLOW_TRACKING_URI",)}
    if request.param == "sqlite":
        yield clean
        return
    import psycopg2

    with postgres() as uri:
        connection = psycopg2.connect(uri)
        connection.autocommit = True
        with closing(connection), connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE trials")
        trials = uri.rpartition("/")[0] + "/trials"
        yield clean | {"MLFLOW_TRACKING_URI": uri, "HMLC_OPTUNA_STORAGE": trials}


@pytest.mark.slow
def test_first_commands_at_once(tmp_path: Path, stores: dict[str, str]) -> None:
    home = tmp_path / "is it #1 % é?"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CODE, str(home)],
            env=stores,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=200) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], ended
    assert [out for out, _ in ended] == ["0\n"] * 3
    # Everything lies in the home itself, whatever is in its name.
    assert {path.name for path in tmp_path.iterdir()} <= {home.name}
