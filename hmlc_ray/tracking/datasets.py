"""The data of a run, as MLflow's data sets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hmlc_ray.names.cut import cut
from hmlc_ray.tracking.operations import DatasetFacts

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_DIGEST, _NAME, _SOURCE = 36, 500, 60_000
"""Characters that MLflow's tables hold."""


def log_dataset(client: MlflowClient, run_id: str, facts: DatasetFacts) -> None:
    """Record the data as an input of a run, unless it has them."""
    from mlflow.entities import Dataset, DatasetInput, InputTag
    from mlflow.types import Schema, TensorSpec
    from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT
    from numpy import dtype

    features = Schema([TensorSpec(dtype(facts.dtype), (-1, *facts.shape), "inputs")])
    dataset = Dataset(
        name=cut(facts.name, _NAME),
        digest=facts.digest[:_DIGEST],
        source_type="local",
        source=cut(json.dumps({"uri": facts.source}), _SOURCE),
        schema=json.dumps({"mlflow_tensorspec": {"features": features.to_json(), "targets": None}}),
        profile=json.dumps(facts.profile),
    )
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, "training")])])
