"""The embedded MLflow store: made whole by one process; one that an older version left half-made is reported."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from hmlc_ray.errors import TrackingError
from hmlc_ray.home import sqlite_uri
from hmlc_ray.tracking.sqlite import make_whole, table_names, wait_for_tables

_WAIT_S = 10.0
"""How long another program, such as MLflow's own server, may still be making a store that is seen half-made."""


def make_store(file: Path, experiment: str, location: str | None) -> None:
    """Make an MLflow store with its experiment, unless it is there.

    Raises:
        OSError: if its folder cannot be made or written.
        TrackingError: if what is there was never finished, or is not an MLflow store.
    """
    make_whole(file, partial(_fill, experiment=experiment, location=location), log=True)
    refuse_half_made(file)


def refuse_half_made(file: Path) -> None:
    """Make sure that an sqlite store has all its tables.

    Raises:
        TrackingError: with the remedy, if it has not.
    """
    with suppress(sqlite3.Error):  # MLflow reports what else is wrong with it
        tables = table_names(file)
        if "studies" in tables and "experiments" not in tables:
            raise TrackingError(f"{file} is a database of Optuna's; MLflow needs one of its own")
        if tables & {"experiments", "alembic_version"} and not wait_for_tables(file, _is_whole, _WAIT_S):
            raise TrackingError(
                f"the MLflow store {file} was never finished, because the process that made it was ended: it holds no "
                f"runs, so move {file} away (and {file.name}-wal and {file.name}-shm, where they are) and run the "
                "command again; nothing else in that folder is affected"
            )


def leave_folders_alone(uri: str) -> None:
    """Keep MLflow from making the folder of an sqlite file by its URI as it is written, where that has escapes in it.

    For this process: MLflow opens a store again whenever it needs one. The true folder is made by `make_store`.
    """
    from mlflow.store.db import utils

    if "%" in uri:
        utils._make_parent_dirs_if_sqlite = _make_none


def _make_none(uri: str) -> None:
    """Replaces the function that would make its folder."""


def _is_whole(file: Path) -> bool:
    """MLflow makes its default experiment when it has made everything else."""
    with closing(sqlite3.connect(file, timeout=20)) as connection:
        try:
            return connection.execute("SELECT 1 FROM experiments").fetchone() is not None
        except sqlite3.OperationalError:
            return False


def _fill(staging: Path, experiment: str, location: str | None) -> None:
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    root = location.rpartition("/")[0] if location else (staging.parent / "artifacts").as_uri()
    leave_folders_alone(sqlite_uri(staging))
    store = SqlAlchemyStore(sqlite_uri(staging), root)
    try:
        if experiment != "Default":
            store.create_experiment(experiment, artifact_location=location)
    finally:
        store.engine.dispose()
        type(store)._engine_map.pop(sqlite_uri(staging), None)
