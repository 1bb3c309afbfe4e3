"""Encoders as registered models: written as MLflow's own model folder, without a pickle, and registered."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from hmlc_ray.arrays import FloatArray
from hmlc_ray.errors import TrackingError
from hmlc_ray.names.uris import is_server
from hmlc_ray.study import schema
from hmlc_ray.tracking.operations import RegisterModel
from hmlc_ray.tracking.store import quiet_import

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

ALIAS = "best"
_NAME = "encoder"


def write_model(folder: Path, program: Path, example: FloatArray, feature_dim: int, requirements: list[str]) -> None:
    """Write an MLflow model of the `pytorch` flavour, with signature and input example, around a saved program.

    Args:
        folder: made here.
        program: file of a `torch.export` program, from float32 [batch, ...] to float32 [batch, features].
        example: float32 [n, ...].
        requirements: of pip, to run the program.
    """
    import numpy as np

    with quiet_import():
        import mlflow.pytorch
        import torch
        from mlflow.models import Model, ModelSignature
        from mlflow.types import Schema, TensorSpec

        kind = np.dtype(np.float32)
        inputs = Schema([TensorSpec(kind, (-1, *example.shape[1:]))])
        # MLflow would trace the network again, for the sizes of the example alone and on this device: it gets a
        # network that costs nothing to trace, whose file is then replaced.
        mlflow.pytorch.save_model(
            torch.nn.Identity(),
            str(folder),
            signature=ModelSignature(inputs, Schema([TensorSpec(kind, (-1, feature_dim))])),
            input_example=example,
            pip_requirements=requirements,
            serialization_format="pt2",
        )
        shutil.copyfile(program, folder / "data" / "model.pt2")
        model = Model.load(str(folder))
        model.model_size_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        model.save(str(folder / "MLmodel"))


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
