"""Tables in PostgreSQL, made by one process at a time: neither MLflow nor Optuna keeps others out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hmlc_ray.tracking.sqlite import MAKE_SECONDS
from hmlc_ray.tracking.uri import database_url

if TYPE_CHECKING:
    from sqlalchemy import Engine

_KEY = 0x686D6C635F726179
"""Key of the advisory lock. Locks are a database's own, so two databases do not wait for each other."""


@contextmanager
def alone_at_first(uri: str, table: str) -> Iterator[None]:
    """Keep others who use this out of the block, for as long as `table` has no row; it has to be filled last.

    The lock is a transaction's: the server releases it when the process ends, and a connection pooler keeps it whole.
    Other databases than PostgreSQL have nothing like it.

    Raises:
        TrackingError: if the URI cannot be read.
        sqlalchemy.exc.SQLAlchemyError: if the server cannot be reached, or another process takes minutes.
    """
    import sqlalchemy

    url = database_url(uri)
    if url.get_backend_name() != "postgresql":
        yield
        return
    engine = sqlalchemy.create_engine(url)
    try:
        if not _is_filled(engine, table):
            with engine.begin() as connection:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{MAKE_SECONDS:.0f}s'")
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_KEY})")
                if not _is_filled(engine, table):
                    yield
                    return
        yield
    finally:
        engine.dispose()


def _is_filled(engine: Engine, table: str) -> bool:
    """Asked in a transaction of its own: one that waits for the lock must hold none on a table that is being made."""
    with engine.begin() as connection:
        if not connection.exec_driver_sql(f"SELECT to_regclass('{table}') IS NOT NULL").scalar():
            return False
        return bool(connection.exec_driver_sql(f"SELECT EXISTS (SELECT 1 FROM {table})").scalar())  # noqa: S608
