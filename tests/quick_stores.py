"""Things that many tests need and that take seconds to make: made once, and shared by the processes of a test run."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first process of the test run that asks has filled by `make`; the others wait for it."""
    base = factory.getbasetemp()
    # Under pytest-xdist each process has a folder of its own below the one of the run.
    folder = (base.parent if base.name.startswith("popen-") else base) / f"shared-{name}"
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "made").exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            (folder / "made").touch()
    return folder


def quicken_stores(template: Callable[[], Path]) -> None:
    """Have MLflow copy the tables of a new sqlite store in this process, instead of making the oldest version's ones
    and migrating them up to its own some sixty times, which takes more than a second for each of a hundred stores.

    Nothing is done before MLflow's module is loaded, so that tests without a store need not load it.

    Args:
        template: gives a store that was made by MLflow itself.
    """
    utils: Any = sys.modules.get("mlflow.store.db.utils")
    if utils is None or hasattr(utils._initialize_tables, "by_itself"):
        return
    by_itself = utils._initialize_tables

    def copied(engine: Any) -> None:
        if engine.url.get_backend_name() != "sqlite" or not utils._is_empty_database(engine):
            by_itself(engine)
            return
        with closing(sqlite3.connect(template())) as source, closing(engine.raw_connection()) as target:
            source.backup(target.driver_connection)

    copied.by_itself = by_itself  # type: ignore[attr-defined]
    utils._initialize_tables = copied


def fill_template(folder: Path) -> None:
    """An sqlite store with all tables and no experiment, by MLflow itself."""
    import sqlalchemy
    from mlflow.store.db import utils

    engine = sqlalchemy.create_engine(f"sqlite:///{folder / 'mlflow.db'}")
    getattr(utils._initialize_tables, "by_itself", utils._initialize_tables)(engine)
    engine.dispose()
