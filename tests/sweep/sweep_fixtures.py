"""Fixtures of the tests that run real sweeps; the conftest of each folder that uses them imports them."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import torch
from quick_stores import made_once
from sandbox import Sandbox

from hmlc_ray.config.sweep import StudyConfig, SweepConfig
from hmlc_ray.data.base import DataSet, Split
from hmlc_ray.home import Home
from hmlc_ray.study.summary import SweepProgress
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.context import StudyContext
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.tracking import Tracker
from hmlc_ray.tracking.making import make_store
from hmlc_ray.tracking.store import EXPERIMENT, quiet_import


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


@pytest.fixture(scope="session")
def put_store(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Home], Home]:
    """Gives a home its embedded MLflow store: a copy of one that is made once, because that takes seconds."""
    template = Home.of(tmp_path_factory.mktemp("store") / "home")
    with quiet_import():
        make_store(template.root / "mlflow.db", EXPERIMENT, f"{template.artifacts.as_uri()}/{EXPERIMENT}")

    def put(home: Home) -> Home:
        home.root.mkdir(parents=True, exist_ok=True)
        shutil.copy(template.root / "mlflow.db", home.root / "mlflow.db")
        with closing(sqlite3.connect(home.root / "mlflow.db")) as connection, connection:
            places = (template.artifacts.as_uri(), home.artifacts.as_uri())
            connection.execute("UPDATE experiments SET artifact_location = replace(artifact_location, ?, ?)", places)
        return home

    return put


@pytest.fixture
def tracker(tmp_path: Path, put_store: Callable[[Home], Home], monkeypatch: pytest.MonkeyPatch) -> Tracker:
    """The embedded store of a home of its own."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Workspace(put_store(Home.of(tmp_path))).open_tracker()


def study_context(study: StudyConfig, tracker: Tracker, progress: SweepProgress, home: Path) -> StudyContext:
    """Of a study on two samples in each split."""
    sweep = SweepConfig.model_validate({"study": study, "space": {"seed": {"int": [0, 9]}}})
    taxonomy = Taxonomy.from_paths(("leaf",), [("a",), ("b",)])
    split = Split(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]))
    data = DataSet(taxonomy, split, split, split, fingerprint="f")
    return StudyContext(sweep, data, Workspace(Home.of(home)), tracker, progress)


@pytest.fixture
def started(sandbox: Sandbox) -> Iterator[list[subprocess.Popen[str]]]:
    """Processes of a test, ended with it whatever happens."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The sweep of `Sandbox.seeded`, without a fault, with all that MLflow's interface shows; to be read only."""

    def sweep(folder: Path) -> None:
        sandbox = Sandbox(folder)
        done = sandbox.hmlc("sweep", sandbox.seeded(), env={"HMLC_PICTURES": "400", "HMLC_REGISTER": "1"})
        assert done.returncode == 0, done.stderr

    return Sandbox(made_once(tmp_path_factory, "undisturbed", sweep))
