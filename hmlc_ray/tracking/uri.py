"""Tracking URIs: fit to be shown, and where an embedded store keeps its files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

from hmlc_ray.errors import TrackingError


def public_uri(uri: str) -> str:
    """The URI without user, password, token, query or fragment: fit to be printed and logged."""
    scheme, separator, rest = uri.partition("://")
    if not separator:
        return uri
    if scheme.partition("+")[0] == "sqlite":  # a file's name may hold an @ or a # as well
        return f"{scheme}://{rest.partition('?')[0]}"
    # Up to the last @: a password may hold any other character.
    place = rest.rpartition("@")[2]
    return f"{scheme}://{place.partition('?')[0].partition('#')[0]}"


def without_password(uri: str) -> str:
    """The URI with its user but without the password."""
    scheme, separator, rest = uri.partition("://")
    login, at, place = rest.rpartition("@")
    return f"{scheme}{separator}{login.partition(':')[0]}{at}{place}" if at and separator else uri


def scrub(text: str, uri: str) -> str:
    """A message with the URI's secrets taken out."""
    text = text.replace(uri, public_uri(uri))
    _, separator, query = uri.partition("?")
    password = uri.partition("://")[2].rpartition("@")[0].partition(":")[2]
    for secret in filter(None, (password, unquote(password), query if separator else "")):
        text = text.replace(secret, "***")
    return text


def with_driver(uri: str) -> str:
    """`postgresql://` with the driver that is installed spelled out: SQLAlchemy 2.1 changed its default from psycopg2.

    Other URIs, and all where neither psycopg2 nor psycopg is there, stay as they are.
    """
    scheme, _, rest = uri.partition("://")
    drivers = [name for name in ("psycopg2", "psycopg") if find_spec(name) is not None]
    return f"postgresql+{drivers[0]}://{rest}" if scheme in ("postgres", "postgresql") and drivers else uri


def is_server(uri: str) -> bool:
    """Whether an MLflow server answers at the URI, rather than a database that is opened from here."""
    return uri.startswith(("http://", "https://"))


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
