"""Optuna's storage of a study: the home folder's file, another sqlite or journal file, PostgreSQL."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import optuna
import sqlalchemy
from alembic.util.exc import CommandError
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.errors import ConfigError, first_line
from hmlc_ray.home import Home, sqlite_uri
from hmlc_ray.names.uris import scrub, without_password
from hmlc_ray.study.storage import TRIALS_VARIABLE
from hmlc_ray.tracking.postgres import alone_at_first
from hmlc_ray.tracking.sqlite import make_whole
from hmlc_ray.tracking.uri import sqlite_path, with_driver

_SQLITE_PATIENCE_S = 60.0
"""How long a write waits for the other studies of the same file."""


@dataclass(frozen=True)
class TrialStorage:
    """Where Optuna keeps the trials of a study."""

    study: StudyConfig
    home: Home

    @property
    def url(self) -> str:
        """The study's own, with the password that `HMLC_OPTUNA_STORAGE` may add to it; else the home folder's file."""
        given = os.environ.get(TRIALS_VARIABLE) or ""
        own = self.study.optuna_storage
        if own is None:
            return given or self.home.optuna_url
        return given if given and without_password(given) == own else own

    @property
    def shown(self) -> str:
        """The same without the password."""
        return without_password(self.url)

    @property
    def is_there(self) -> bool:
        """Whether it is there, as far as that shows without asking a server."""
        journal = self.url.startswith("journal://")
        file = Path(self.url.removeprefix("journal://")) if journal else sqlite_path(self.url)
        return file is None or file.exists()

    def open(self) -> optuna.storages.BaseStorage:
        """Optuna's storage; only the driver opens it.

        Raises:
            ConfigError: within seconds, if it cannot be opened.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        scheme, _, rest = self.url.partition("://")
        try:
            if scheme == "journal":
                file = Path(rest)
                file.parent.mkdir(parents=True, exist_ok=True)
                return optuna.storages.JournalStorage(_journal(file))
            return _database(self.url)
        except (OSError, ModuleNotFoundError) as error:
            raise ConfigError(f"Optuna's storage {self.shown} cannot be used: {error}") from error

    def check(self) -> None:
        """Make sure that a storage outside of the home folder can be used, before anything is written.

        Raises:
            ConfigError: if it cannot.
        """
        if self.url != self.home.optuna_url:
            self.open()

    def has_study(self) -> bool:
        """Whether it has a study of that name; a file that is not there is not made for that.

        Raises:
            ConfigError: if the storage cannot be opened.
        """
        return self.is_there and self.study.name in optuna.get_all_study_names(self.open())


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
