"""Optuna's storage of a study: the home folder's file, another sqlite or journal file, PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import optuna
import sqlalchemy
from alembic.util.exc import CommandError
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.errors import ConfigError, first_line
from hmlc_ray.home import Home, sqlite_uri
from hmlc_ray.names.uris import scrub, without_password
from hmlc_ray.study.storage import trials_url
from hmlc_ray.tracking.postgres import alone_at_first
from hmlc_ray.tracking.sqlite import make_whole
from hmlc_ray.tracking.uri import sqlite_path, with_driver

_SQLITE_PATIENCE_S = 60.0
"""How long a write waits for the other studies of the same file."""


def open_trials(study: StudyConfig, home: Home) -> optuna.storages.BaseStorage:
    """Optuna's storage of a study; only the driver opens it.

    Raises:
        ConfigError: within seconds, if it cannot be opened.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    url = trials_url(study, home)
    scheme, _, rest = url.partition("://")
    try:
        if scheme == "journal":
            file = Path(rest)
            file.parent.mkdir(parents=True, exist_ok=True)
            return optuna.storages.JournalStorage(_journal(file))
        return _database(url)
    except (OSError, ModuleNotFoundError) as error:
        raise ConfigError(f"Optuna's storage {without_password(url)} cannot be used: {error}") from error


def check_trials_place(study: StudyConfig, home: Home) -> None:
    """Make sure that a storage outside of the home folder can be used, before anything is written.

    Raises:
        ConfigError: if it cannot.
    """
    if trials_url(study, home) != home.optuna_url:
        open_trials(study, home)


def is_in_trials(study: StudyConfig, home: Home) -> bool:
    """Whether Optuna's storage has a study of that name; a file that is not there is not made for that.

    Raises:
        ConfigError: if the storage cannot be opened.
    """
    return are_trials_there(study, home) and study.name in optuna.get_all_study_names(open_trials(study, home))


def are_trials_there(study: StudyConfig, home: Home) -> bool:
    """Whether Optuna's storage is there, as far as that shows without asking a server."""
    url = trials_url(study, home)
    file = Path(url.removeprefix("journal://")) if url.startswith("journal://") else sqlite_path(url)
    return file is None or file.exists()


def _journal(file: Path) -> optuna.storages.journal.BaseJournalBackend:
    # A lock by opening a file: network folders may have no symbolic links, and it outlives no crash for long.
    return JournalFileBackend(str(file), lock_obj=JournalFileOpenLock(str(file)))


def _fill(file: Path) -> None:
    """Make the tables of a new sqlite database."""
    optuna.storages.RDBStorage(sqlite_uri(file)).engine.dispose()


def _database(url: str) -> optuna.storages.BaseStorage:
    file = sqlite_path(url)
    try:
        if file is not None:
            make_whole(file, _fill, log=False)
            return optuna.storages.RDBStorage(url, engine_kwargs={"connect_args": {"timeout": _SQLITE_PATIENCE_S}})
        options = {"connect_args": {"connect_timeout": 5}, "pool_pre_ping": True}
        with alone_at_first(with_driver(url), "alembic_version"):
            return optuna.storages.RDBStorage(with_driver(url), engine_kwargs=options)
    except CommandError as error:  # its table of versions is empty or has two rows
        raise ConfigError(
            f"Optuna's storage {without_password(url)} was not finished, or is of another version of Optuna ({error}): "
            "restore a backup of it, or move it away where no study is in it; nothing else is affected"
        ) from error
    except (sqlalchemy.exc.SQLAlchemyError, ImportError, RuntimeError) as error:
        reason = scrub(first_line(error), with_driver(url))
        if "no longer compatible" in reason:
            # Both keep their schema's version in a table of the same name.
            reason = "MLflow, or another version of Optuna, uses this database: Optuna needs one of its own"
        raise ConfigError(f"Optuna's storage {without_password(url)} cannot be used: {reason}") from error
