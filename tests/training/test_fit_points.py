"""The loop on point clouds: made solids are learned, runs repeat themselves, and the export is the trained encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.training.export import encoder_of, export_encoder
from hmlc_ray.training.fit import FitResult, fit

SOLIDS = {"kind": "primitives", "per_class": 20, "num_points": 128, "deformation": 0.1}


def trained(**changes: Any) -> FitResult:
    values: dict[str, Any] = {
        "data": SOLIDS,
        "views": {"resample": 96, "dropout": 0.2, "scale": [0.9, 1.1], "translation": 0.0},
        "encoder": {"kind": "pointnet", "width": 16, "pooled_dim": 128, "feature_dim": 64},
        "objective": {"kind": "sum-supcon"},
        "optimiser": {"learning_rate": 0.005},
        "training": {"epochs": 12, "global_batch_size": 64, "cpu_threads": 1},
        "evaluation": {"every": 12, "probe_regularisation": [0.1]},
    }
    return fit(TrialConfig.model_validate(values | changes), lambda *_: None)


SHORT = {
    "views": {"resample": 32},
    "training": {"epochs": 1, "global_batch_size": 64, "cpu_threads": 1},
    "optimiser": {"warmup_epochs": 0.5},
}


@pytest.mark.slow
def test_made_solids_are_learned_and_the_export_is_the_trained_encoder(tmp_path: Path) -> None:
    result = trained()
    assert result.metrics["val/probe_top1/leaf"] > 0.75
    assert result.metrics["val/probe_top1/shape"] > 0.85
    assert result.checkpoint.input_shape == (128, 3)
    export_encoder(result.checkpoint, tmp_path)
    description = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert description["input_range"] == "float32; x, y, z less their mean, the farthest point at distance 1"
    clouds = result.data.test.at(torch.arange(3))
    program = torch.export.load(tmp_path / "encoder.pt2").module()
    with torch.no_grad():
        torch.testing.assert_close(program(clouds), encoder_of(result.checkpoint)(clouds))


@pytest.mark.parametrize("kind", ["pointnet", "dgcnn"])
@pytest.mark.parametrize("normals", [False, True])
def test_the_same_configuration_gives_the_same_run_to_the_last_bit(kind: str, normals: bool) -> None:
    small = {"kind": kind, "width": 4, "pooled_dim": 16, "feature_dim": 16}
    changes = {**SHORT, "data": {**SOLIDS, "per_class": 6, "normals": normals}, "encoder": small}
    one, two = (trained(**changes).checkpoint for _ in range(2))
    left, right = one.state["learner"], two.state["learner"]
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert one.metrics == two.metrics
    assert one.fingerprint == two.fingerprint
