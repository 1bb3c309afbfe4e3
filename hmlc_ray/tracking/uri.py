"""Tracking URIs: which driver they mean, and where an embedded store keeps its files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from hmlc_ray.errors import TrackingError
from hmlc_ray.names.uris import public_uri

if TYPE_CHECKING:
    from sqlalchemy import URL


def with_driver(uri: str) -> str:
    """`postgresql://` with the driver that is installed spelled out: SQLAlchemy 2.1 changed its default from psycopg2.

    Other URIs, and all where neither psycopg2 nor psycopg is there, stay as they are.
    """
    scheme, _, rest = uri.partition("://")
    drivers = [name for name in ("psycopg2", "psycopg") if find_spec(name) is not None]
    return f"postgresql+{drivers[0]}://{rest}" if scheme in ("postgres", "postgresql") and drivers else uri


def sqlite_path(uri: str) -> Path | None:
    """The file of an sqlite store; None for other stores.

    Raises:
        TrackingError: if the store would live in memory, where it is lost.
    """
    scheme, _, rest = uri.partition("://")
    if scheme.partition("+")[0] != "sqlite":
        return None
    name = unquote(rest.partition("?")[0].removeprefix("/"))
    if name in ("", ":memory:"):
        raise TrackingError(f"the MLflow store {uri} would be lost with the process; use sqlite:///PATH/mlflow.db")
    return Path(name)


def database_url(uri: str) -> URL:
    """The parts of a database's URI.

    Raises:
        TrackingError: if it cannot be read.
    """
    import sqlalchemy

    try:
        return sqlalchemy.engine.make_url(uri)
    except (ValueError, sqlalchemy.exc.ArgumentError) as error:  # it converts the port, and what it takes for one
        raise TrackingError(
            f"the URI {public_uri(uri)!r} of a database cannot be read: a port is a number, and @, : and / in a "
            "password are written %40, %3A and %2F"
        ) from error
