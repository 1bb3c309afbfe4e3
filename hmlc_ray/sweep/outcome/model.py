"""The encoder of a study as a registered model of MLflow."""

from __future__ import annotations

import os
from importlib.metadata import version

import torch

from hmlc_ray.data.pixels import to_encoder_input
from hmlc_ray.files.digests import sha256_of
from hmlc_ray.machine.scratch import scratch_folder
from hmlc_ray.runs.recording import run_tags
from hmlc_ray.study import schema
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.sweep.context import StudyContext
from hmlc_ray.sweep.finish import Conclusion
from hmlc_ray.tracking.model_folder import write_model
from hmlc_ray.training.export import PROGRAM_FILE, WEIGHTS_FILE
from hmlc_ray.training.export.reading import read_export

REGISTER_VARIABLE = "HMLC_REGISTER"
"""Environment: 0 leaves the encoders of studies out of MLflow's registry of models."""
_TORCH = f"torch=={version('torch').partition('+')[0]}"
"""Without what names a build: `2.13.0+cpu` is on no index but its own."""


def register_encoder(context: StudyContext, parent: str, best: TrialRow, conclusion: Conclusion) -> str | None:
    """Register the exported encoder under the study's name; gives the name, or None where there is no program of it.

    Raises:
        TrackingError: if the store does not take it.
    """
    program, study = conclusion.export / PROGRAM_FILE, context.study
    if not program.is_file() or os.environ.get(REGISTER_VARIABLE) == "0":
        return None
    encoder = read_export(conclusion.export)
    sample = to_encoder_input(context.data.train.at(torch.tensor([0, 1]))).cpu().numpy()
    tags = {
        **run_tags(encoder.config, context.data.fingerprint),
        schema.STUDY: study.name,
        schema.TAXONOMY_DIGEST: context.data.taxonomy.digest,
        study.objective_metric: best.value,
        **{name: value for name, value in conclusion.test_metrics.items() if name.endswith("probe_top1/mean")},
    }
    with scratch_folder("artifacts") as scratch:
        write_model(scratch / "model", program, sample, encoder.feature_dim, [_TORCH])
        context.tracker.register_model(
            conclusion.run_id,
            scratch / "model",
            name=study.name,
            parent=parent,
            digest=sha256_of(conclusion.export / WEIGHTS_FILE),
            tags=tags,
            text=f"The encoder of trial {best.number} of study {study.name}: float32 {list(encoder.input_shape)} per "
            "sample, prepared as `config.json` of the exported encoder says, to features.",
        )
    return study.name
