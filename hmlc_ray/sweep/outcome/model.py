"""The encoder of a study as a registered model of MLflow."""

from __future__ import annotations

import os
from importlib.metadata import version

import torch

from hmlc_ray.data.pixels import to_encoder_input
from hmlc_ray.errors import ConfigError
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
"""Environment: `0` leaves the encoders of studies out of MLflow's registry of models."""
_YES, _NO = ("", "1", "true", "yes", "on"), ("0", "false", "no", "off")
_TORCH = f"torch=={version('torch').partition('+')[0]}"
"""Without what names a build: `2.13.0+cpu` is on no index but its own."""


def registers() -> bool:
    """Whether the encoders of studies are registered.

    Raises:
        ConfigError: if the environment's value is neither yes nor no.
    """
    text = os.environ.get(REGISTER_VARIABLE, "")
    if text.strip().lower() not in _YES + _NO:
        raise ConfigError(f"{REGISTER_VARIABLE} must be 1 or 0, got {text!r}")
    return text.strip().lower() in _YES


def register_encoder(context: StudyContext, parent: str, best: TrialRow, conclusion: Conclusion) -> str | None:
    """Register the exported encoder under the study's name.

    Returns:
        `NAME/VERSION`; None where there is no program of it, or none is to be registered.

    Raises:
        ConfigError: if the environment's value is neither yes nor no.
        TrackingError: if the store does not take it now; it is not kept for later.
    """
    program, study = conclusion.export / PROGRAM_FILE, context.study
    if not registers() or not program.is_file():
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
        return context.tracker.register_model(
            conclusion.run_id,
            scratch / "model",
            name=study.name,
            parent=parent,
            digest=sha256_of(conclusion.export / WEIGHTS_FILE),
            tags=tags,
            text=f"The encoder of trial {best.number} of study {study.name}: float32 {list(encoder.input_shape)} per "
            "sample, prepared as `config.json` of the exported encoder says, to features.",
        )
