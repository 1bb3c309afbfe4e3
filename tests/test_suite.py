"""What keeps a run of all tests short does not change what they test."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from longest import LONGEST
from mlflow.store.db import utils
from quick_stores import fill_template, made_once, quicken_stores


def schema(file: Path) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        tables = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
        tables = [(kind, name, table, _in_order(sql)) for kind, name, table, sql in tables]
        return [*tables, *connection.execute("SELECT version_num FROM alembic_version").fetchall()]


def _in_order(sql: str | None) -> str:
    """The lines of a table sorted: MLflow's migrations write its constraints in an order that changes."""
    return "\n".join(sorted(line.strip().rstrip(",") for line in (sql or "").splitlines()))


@pytest.mark.filterwarnings("ignore")  # MLflow's use of what SQLAlchemy deprecates is its own affair
def test_a_copied_store_is_the_one_that_mlflow_makes(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    quicken_stores(lambda: made_once(tmp_path_factory, "store", fill_template) / "mlflow.db")
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'copied.db'}")
    utils._initialize_tables(engine)
    assert utils._all_tables_exist(engine)
    engine.dispose()
    fill_template(tmp_path)
    assert len(schema(tmp_path / "mlflow.db")) > 30
    assert schema(tmp_path / "copied.db") == schema(tmp_path / "mlflow.db")


def test_what_is_shared_is_made_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    made: list[Path] = []
    assert made_once(tmp_path_factory, "test", made.append) == made_once(tmp_path_factory, "test", made.append)
    assert len(made) == 1


@pytest.mark.parametrize("name", LONGEST)
def test_the_longest_tests_are_there(name: str) -> None:
    files = Path(__file__).parent.rglob("test_*.py")
    assert any(f"def {name}(" in file.read_text(encoding="utf-8") for file in files)
