"""Whether artifacts can be kept: tested with a small file before anything is trained."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from hmlc_ray.errors import TrackingError, first_line
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.names.cut import cut
from hmlc_ray.names.uris import is_server, public_uri, scrub
from hmlc_ray.tracking.store import quiet_import

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_NAME = "hmlc-can-write-here.txt"
_MODULES = {"boto3": "pip install 'hmlc-ray[s3]'"}


def check_writable(client: MlflowClient, uri: str, experiment_id: str) -> None:
    """Write a small file where the experiment's runs keep their artifacts, and delete it.

    Raises:
        TrackingError: with the remedy, if that does not work.
    """
    experiment = client.get_experiment(experiment_id)
    location = str(experiment.artifact_location)
    try:
        with quiet_import(), scratch_folder("artifacts") as scratch:
            from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

            file = scratch / _NAME
            file.write_text("a test whether artifacts can be written; it can be deleted\n")
            repository = get_artifact_repository(location, tracking_uri=uri)
            repository.log_artifact(str(file))
            with suppress(Exception):  # a user who may write may not be allowed to delete
                repository.delete_artifacts(_NAME)
    except Exception as error:  # each kind of storage has errors of its own
        shown = location if _is_folder(location) else public_uri(location)
        reason = cut(scrub(first_line(error), uri), 300)
        raise TrackingError(
            f"artifacts of the MLflow store {public_uri(uri)} cannot be written to {shown}: {reason}; "
            + _remedy(uri, location, experiment.name, error)
        ) from error


def check_seen(client: MlflowClient, uri: str, run_id: str) -> None:
    """Make sure that a server sees a run's artifacts that are written to a folder from here; others need no check.

    A server that names a folder means its own disk. Where it can be made on this machine too, for example by root,
    nobody would miss the artifacts until they are looked for.

    Raises:
        TrackingError: with the remedy, if it does not.
    """
    info = client.get_run(run_id).info
    location = str(info.artifact_uri)
    if not is_server(uri) or not _is_folder(location):
        return
    with quiet_import():
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
        from mlflow.utils.credentials import get_default_host_creds
        from mlflow.utils.rest_utils import http_request

        client.log_text(run_id, "", _NAME)
        listed = http_request(
            get_default_host_creds(uri), "/api/2.0/mlflow/artifacts/list", "GET", params={"run_id": run_id}
        )
        names = {entry.get("path") for entry in listed.json().get("files", [])} if listed.ok else set()
        with suppress(Exception):
            get_artifact_repository(location, tracking_uri=uri).delete_artifacts(_NAME)
    if _NAME not in names:
        raise TrackingError(
            f"the MLflow server {public_uri(uri)} does not see what is written to {location} from here: that folder is "
            f"on its own disk; {_remedy(uri, location, client.get_experiment(info.experiment_id).name, None)}"
        )


def _is_folder(location: str) -> bool:
    return location.startswith("file:") or ("://" not in location and not location.startswith("mlflow-artifacts:"))


def _remedy(uri: str, location: str, experiment: str, error: Exception | None) -> str:
    if isinstance(error, ModuleNotFoundError):
        return _MODULES.get(error.name or "", f"install the Python module {error.name!r}")
    if is_server(uri) and _is_folder(location):
        return (
            "start the server with --serve-artifacts --artifacts-destination FOLDER, and rename its experiment "
            f"{experiment!r}, which keeps the location it was made with (or mount that folder here, with the same path)"
        )
    if "://" in location and not location.startswith("file:"):
        return "give this machine the credentials for it, or start the server with --serve-artifacts, which has them"
    return "make that folder writable, or choose another --home"
