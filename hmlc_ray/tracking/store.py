"""Opening an MLflow store, or saying within seconds why it cannot be opened."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hmlc_ray.errors import StoreAway, TrackingError, first_line
from hmlc_ray.machine.activity import doing
from hmlc_ray.machine.environment import variables
from hmlc_ray.names.cut import cut
from hmlc_ray.names.uris import is_server, public_uri, scrub
from hmlc_ray.tracking.experiments import experiment_id
from hmlc_ray.tracking.making import leave_folders_alone, make_store, refuse_half_made
from hmlc_ray.tracking.moving import follow_home
from hmlc_ray.tracking.postgres import alone_at_first
from hmlc_ray.tracking.uri import database_url, sqlite_path

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "hmlc"
"""Name of the base experiment: of runs that name none, and of all runs of older versions."""
CONNECT_SECONDS = 5
"""How long a server or database may take to answer at first."""
_QUIET = {
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
_BRIEF = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "PGCONNECT_TIMEOUT": str(CONNECT_SECONDS),
}
_PASSING = (401, 403, 408, 429)
"""HTTP's 4xx that may pass: a token that ran out, and a server that is overloaded."""
_UNWILLING = (PermissionError, FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError)
"""Errors of an artifact folder that waiting does not fix."""
_ARTIFACT_CLIENTS = ("boto3.", "botocore.", "azure.", "google.")


def open_store(uri: str, experiment: str, artifact_root: Path | str | None) -> tuple[MlflowClient, str]:
    """A client and the experiment's id; a fresh database gets its tables, a missing experiment is created.

    Raises:
        TrackingError: if the store cannot be reached or written.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    file, location = sqlite_path(uri), _artifact_location(uri, experiment, artifact_root)
    doing("opening the MLflow store")
    with _impatient(), translated(uri), quiet_import():
        from mlflow.tracking import MlflowClient

        _silence()
        if is_server(uri):
            client = MlflowClient(tracking_uri=uri)
            return client, experiment_id(client, uri, experiment, location)
        if file is not None:
            make_store(file, experiment, location)
        else:
            _probe_database(uri)
        follow_home(uri, experiment, location)
        leave_folders_alone(uri)
        with alone_at_first(uri, "experiments"):
            client = MlflowClient(tracking_uri=uri)
            return client, experiment_id(client, uri, experiment, location)


def check_store(uri: str, artifact_root: Path | None = None) -> None:
    """Check that a file or database of runs is there and answers, without MLflow.

    Args:
        artifact_root: of a home folder whose store it is; if that was moved, the store's artifacts follow it.

    Raises:
        TrackingError: within seconds, if not.
    """
    file = sqlite_path(uri)
    if file is None:
        with translated(uri):
            _probe_database(uri)
    elif not file.is_file():
        raise TrackingError(f"there is nothing to show: there is no file {str(file)!r} yet")
    else:
        refuse_half_made(file)
        if artifact_root is not None:
            with translated(uri):
                follow_home(uri, EXPERIMENT, _artifact_location(uri, EXPERIMENT, artifact_root))


def _artifact_location(uri: str, experiment: str, root: Path | str | None) -> str | None:
    """Where a new experiment keeps its artifacts; None: as the store decides."""
    file = sqlite_path(uri)
    if root is None and file is not None:
        root = file.absolute().parent / "artifacts"
    if root is None or is_server(uri):
        return None
    return f"{root if '://' in str(root) else Path(root).absolute().as_uri()}/{experiment}"


@contextmanager
def translated(uri: str) -> Iterator[None]:
    """Turns what MLflow, the database and the file system raise into a TrackingError of one line."""
    try:
        yield
    except TrackingError:
        raise
    except Exception as error:
        if not _is_of_the_store(error):
            raise
        reason = cut(scrub(first_line(error), uri), 300)
        kind = StoreAway if _may_pass(error) else TrackingError
        raise kind(f"the MLflow store {public_uri(uri)} cannot be used: {reason}{_advice(uri, reason)}") from error


def _advice(uri: str, reason: str) -> str:
    """The remedy where a file is another user's: sqlite keeps its log beside it, for readers too."""
    file = sqlite_path(uri)
    if file is None or "readonly database" not in reason:
        return ""
    return (
        f"; sqlite has to write to {file.name} and its folder even to read it: get permission to write there, or copy "
        "the whole folder and use the copy"
    )


def be_brief() -> None:
    """Let requests fail within seconds: MLflow's own retries would hold up a sweep for minutes. For this process."""
    for name, value in _BRIEF.items():
        os.environ.setdefault(name, value)


@contextmanager
def quiet_import() -> Iterator[None]:
    """Silence warnings about MLflow's use of what its dependencies deprecate."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _is_of_the_store(error: Exception) -> bool:
    # An artifact store's client has errors of its own.
    if isinstance(error, OSError) or type(error).__module__.startswith(_ARTIFACT_CLIENTS):
        return True
    from alembic.util.exc import CommandError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return isinstance(error, MlflowException | SQLAlchemyError | CommandError)


def _may_pass(error: Exception) -> bool:
    """Whether the store was unreachable or unavailable, rather than refusing."""
    from alembic.util.exc import CommandError
    from mlflow.exceptions import MlflowException

    if not isinstance(error, MlflowException):
        return not isinstance(error, (CommandError, *_UNWILLING))
    status = error.get_http_status_code()
    return status >= 500 or status in _PASSING


@contextmanager
def _impatient() -> Iterator[None]:
    """MLflow's defaults retry for minutes, which would leave the user waiting for a mistyped host."""
    bounds = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": str(CONNECT_SECONDS)}
    with variables(bounds):
        yield


def _silence() -> None:
    """Migration steps are noise, and errors come to the user as TrackingError."""
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)


def _probe_database(uri: str) -> None:
    """Connect once: MLflow itself tries a database ten times, for a minute and a half, before it gives up."""
    import sqlalchemy

    if "://" not in uri or uri.startswith("file:"):
        raise TrackingError(
            f"{public_uri(uri)!r} is not an MLflow store that this package can use: give http(s)://HOST:PORT of a "
            "server, postgresql://USER@HOST/DATABASE or sqlite:///PATH"
        )
    url = database_url(uri)
    has_timeout = url.get_backend_name() in ("postgresql", "mysql")
    try:
        engine = sqlalchemy.create_engine(url, connect_args={"connect_timeout": CONNECT_SECONDS} if has_timeout else {})
    except ModuleNotFoundError as error:
        raise TrackingError(
            f"the MLflow store {public_uri(uri)} needs the Python module {error.name!r}; for PostgreSQL: "
            "pip install 'hmlc-ray[postgres]'"
        ) from error
    try:
        engine.connect().close()
    finally:
        engine.dispose()
