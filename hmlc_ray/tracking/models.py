"""Encoders as registered models of MLflow: a version for each network, and the alias of the best."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hmlc_ray.errors import TrackingError
from hmlc_ray.names.uris import is_server
from hmlc_ray.study import schema
from hmlc_ray.tracking.operations import RegisterModel

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

ALIAS = "best"
_NAME = "encoder"


def register(client: MlflowClient, uri: str, experiment: str, run_id: str, operation: RegisterModel) -> str:
    """The version of a registered model for a folder that `write_model` made, the one that there is or a new one; it
    gets the alias `best`.

    Raises:
        TrackingError: if the registered model of that name is not this study's.
    """
    _own_model(client, operation)
    version = _known(client, operation) or _new(client, uri, experiment, run_id, operation)
    client.set_registered_model_alias(operation.name, ALIAS, version)
    return version


def _own_model(client: MlflowClient, operation: RegisterModel) -> None:
    from mlflow.exceptions import MlflowException

    name, own = operation.name, {schema.STUDY: operation.name}
    try:
        known = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        client.create_registered_model(name, own, f"The encoders of study {name}; the alias `{ALIAS}` is its best.")
        return
    if known.tags.get(schema.STUDY) != name:
        raise TrackingError(
            f"the encoder is not registered, since the registered model {name!r} is not this study's: rename that one"
        )


def _known(client: MlflowClient, operation: RegisterModel) -> str | None:
    versions = client.search_model_versions(f"name = '{operation.name}'")
    found = [each for each in versions if each.tags.get(schema.ENCODER_DIGEST) == operation.digest]
    return str(found[0].version) if found else None


def _new(client: MlflowClient, uri: str, experiment: str, run_id: str, operation: RegisterModel) -> str:
    from mlflow.entities import LoggedModelOutput
    from mlflow.models import Model

    tags = {**operation.tags, schema.ENCODER_DIGEST: operation.digest, schema.ENCODER_RUN: run_id}
    logged = client.create_logged_model(experiment, _NAME, run_id, tags)
    model = Model.load(operation.folder)
    model.run_id, model.model_id, model.model_uuid = run_id, logged.model_id, logged.model_id
    model.artifact_path = logged.artifact_location
    model.save(str(Path(operation.folder) / "MLmodel"))
    client.log_model_artifacts(logged.model_id, operation.folder)
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, 0)])
    # A database resolves `models:/` by the process's own store, which need not be this one.
    source = f"models:/{logged.model_id}" if is_server(uri) else logged.artifact_location
    created = client.create_model_version(
        operation.name, source, run_id, tags, description=operation.description, model_id=logged.model_id
    )
    return str(created.version)
