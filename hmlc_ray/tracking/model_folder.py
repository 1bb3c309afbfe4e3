"""An encoder as MLflow's own model folder, without a pickle. The one module here that loads torch."""

from __future__ import annotations

import shutil
from pathlib import Path

from hmlc_ray.arrays import FloatArray
from hmlc_ray.tracking.store import quiet_import


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
