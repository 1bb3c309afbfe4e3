"""A home folder that was moved or copied: MLflow keeps absolute paths of artifacts, which have to follow it."""

from __future__ import annotations

import logging
import os
import time
from os.path import exists, samefile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from hmlc_ray.home import Home
from hmlc_ray.study import schema
from hmlc_ray.study.schema import RunKind
from hmlc_ray.tracking.drivers import STALE_S, life, where
from hmlc_ray.tracking.uri import sqlite_path

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_LOG = logging.getLogger(__name__)
_PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Columns of MLflow's tables."""


def follow_home(uri: str, experiment: str, location: str | None) -> None:
    """Make a database name the artifacts where they are now, if the folder that they are in was moved or copied.

    A copy is changed even where the original is still there: nothing may be written to that. A folder that is seen
    under another name, by a link or a mount, was not moved.

    Args:
        location: where a new experiment of that name would keep its artifacts, as a URI.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: if the database cannot be read or written.
    """
    import sqlalchemy

    file = sqlite_path(uri)
    if location is None or not location.startswith("file://") or (file is not None and not _can_be_changed(file)):
        return
    engine = sqlalchemy.create_engine(uri)
    try:
        with engine.connect() as connection:
            if not sqlalchemy.inspect(connection).has_table("experiments"):
                return
            select = sqlalchemy.text("SELECT artifact_location FROM experiments WHERE name = :name")
            recorded = connection.execute(select, {"name": experiment}).scalar()
        if recorded and recorded.startswith("file://"):
            location = _beside(file, _folder(recorded)) or location
        if recorded and recorded != location and recorded.startswith("file://"):
            home = Home(_folder(location).parents[1])
            moved = _was_moved(_folder(recorded), _folder(location), embedded=_lies_in(file, home.root))
            if moved and not _is_driven(engine):
                home.note_former(_folder(recorded).parents[1])
                with engine.begin() as connection:
                    _rewrite(connection, _home_of(recorded), _home_of(location))
    finally:
        engine.dispose()


def _can_be_changed(file: Path) -> bool:
    """Whether the database exists and is not a read-only archive."""
    return file.is_file() and os.access(file, os.W_OK) and os.access(file.absolute().parent, os.W_OK)


def _was_moved(old: Path, new: Path, *, embedded: bool) -> bool:
    """Whether the artifacts of an experiment, or the folder in which they would be, were taken from `old` to `new`."""
    if old.parts[-2:] != new.parts[-2:]:  # somebody chose that location
        return False
    old_home, new_home = old.parents[1], new.parents[1]
    # `os.path` reports what may not be read as absent: a home copied from another user's closed folder.
    if exists(old_home) and exists(new_home) and samefile(old_home, new_home):
        return False
    if embedded:  # else the database alone is here, and its artifacts stayed
        return exists(new) or not exists(old)
    return exists(new) and not exists(old_home)


def _beside(file: Path | None, old: Path) -> str | None:
    """The URI of the artifacts in the home folder of a store, if they were moved there with it.

    A store that is named by its file is that home's, whichever home a command has otherwise.
    """
    if file is None:
        return None
    own, old_home = file.absolute().parent.joinpath(*old.parts[-2:]), old.parents[1]
    came_along = not exists(old_home) or exists(old_home / file.name)
    return own.as_uri() if exists(own) and own.parts[-2:-1] == ("artifacts",) and came_along else None


def _is_driven(engine: Engine) -> bool:
    """Whether a driver writes to the store, on another machine that has the folder under another name.

    Drivers of this machine are known to be alive or dead; others are watched for a sign of life.
    """
    signs = {run: tags for run, tags in _running_studies(engine).items() if life(tags) != "dead"}
    if any(life(tags) == "alive" for tags in signs.values()):
        return True
    if signs:
        names = ", ".join(sorted({where(tags) for tags in signs.values()}))
        _LOG.warning(f"waiting up to {STALE_S:.0f} s for a sign of life of {names}, which drove a study in this folder")
    end = time.monotonic() + STALE_S
    while signs and time.monotonic() < end:
        time.sleep(1)
        now = _running_studies(engine)
        if any(now.get(run, {}).get(schema.DRIVER_SEEN) != tags.get(schema.DRIVER_SEEN) for run, tags in signs.items()):
            return True
    return False


def _running_studies(engine: Engine) -> dict[str, dict[str, str]]:
    """The tags of studies' runs that have not ended, by run."""
    import sqlalchemy

    query = sqlalchemy.text(
        "SELECT runs.run_uuid, tags.key, tags.value FROM runs JOIN tags ON tags.run_uuid = runs.run_uuid "
        "WHERE runs.status = 'RUNNING' AND tags.key IN (:kind, :driver, :seen)"
    )
    tags_of: dict[str, dict[str, str]] = {}
    with engine.connect() as connection:
        for run, key, value in connection.execute(
            query, {"kind": schema.KIND, "driver": schema.DRIVER, "seen": schema.DRIVER_SEEN}
        ):
            tags_of.setdefault(run, {})[key] = value
    return {run: tags for run, tags in tags_of.items() if tags.get(schema.KIND) == RunKind.STUDY}


def _lies_in(file: Path | None, folder: Path) -> bool:
    return file is not None and file.absolute().parent == folder


def _folder(location: str) -> Path:
    return Path(unquote(urlsplit(location).path))


def _home_of(location: str) -> str:
    """The home's part of `file:///HOME/artifacts/EXPERIMENT`, as it is written there."""
    return location.rsplit("/", 2)[0]


def _rewrite(connection: Connection, old: str, new: str) -> None:
    """Replace the old home in all columns, in URIs and in the paths that other programs write."""
    import sqlalchemy

    inspector = sqlalchemy.inspect(connection)
    for table, column in _PLACES:
        if not inspector.has_table(table) or column not in {known["name"] for known in inspector.get_columns(table)}:
            continue
        update = f"UPDATE {table} SET {column} = :new || substr({column}, :rest) "  # noqa: S608
        statement = sqlalchemy.text(f"{update} WHERE substr({column}, 1, :size) = :old")
        for before, after in ((f"{old}/", f"{new}/"), (f"{_folder(old)}/", f"{_folder(new)}/")):
            values = {"new": after, "old": before, "size": len(before), "rest": len(before) + 1}
            connection.execute(statement, values)
