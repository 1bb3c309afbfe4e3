"""Masks on the features themselves: no head, no encoder, and what then follows for the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_features import write_features

from hmlc_ray.config.load import parse_yaml
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.data import load_data
from hmlc_ray.encoders.standardise import Standardise
from hmlc_ray.errors import ConfigError
from hmlc_ray.training.export.encoder import CONFIG_FILE, ONNX_FILE, PROGRAM_FILE, encoder_of, export_encoder
from hmlc_ray.training.export.reading import read_export
from hmlc_ray.training.fit import FitResult, fit
from hmlc_ray.training.learner import build_learner

SHORT = "training: {epochs: 2, global_batch_size: 16, cpu_threads: 1, device: cpu}\noptimiser: {warmup_epochs: 0}\n"


def trial(text: str) -> TrialConfig:
    values: dict[str, Any] = parse_yaml(text, "f.yaml") or {}
    return validate(TrialConfig, values, "f.yaml")


def test_the_embedding_has_as_many_dimensions_as_the_features() -> None:
    assert trial("head: {kind: identity}\nencoder: {feature_dim: 48}").embedding_dim == 48
    assert trial("head: {kind: identity}\nencoder: {kind: resnet50}").embedding_dim == 2048
    assert trial("head: {embedding_dim: 24}").embedding_dim == 24
    assert trial("data: {kind: features, file: x}\nencoder: {kind: identity}\nhead: {kind: identity}\n"
                 "objective: {kind: a-hmlc}").embedding_dim is None  # fmt: skip


def test_configurations_written_before_heads_had_kinds_still_load() -> None:
    dump = trial("{}").model_dump(mode="json")
    del dump["head"]["kind"]
    assert TrialConfig.model_validate(dump).head.kind == "mlp"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("head: {kind: identity}\nencoder: {feature_dim: 16}\nobjective: {mixture_components: 20}",
         "objective.mixture_components (20) must not exceed the features of head.kind identity (16)"),
        ("head: {kind: identity, embedding_dim: 3}", "unknown key head.embedding_dim (it belongs to kind mlp)"),
        ("data: {kind: features, file: x}\nencoder: {kind: identity}\nhead: {kind: identity}\n"
         "objective: {kind: supcon}", "there is nothing to train"),
        ("encoder: {kind: identity}",
         "encoder.kind is identity, which takes features, but data.kind digits gives images"),
        ("data: {kind: features, file: x}\nencoder: {kind: convnet}",
         "which takes images, but data.kind features gives rows of features: encoder.kind must be mlp or identity"),
        ("data: {kind: features, file: x}\nviews: {kind: points}",
         "views.kind is points, but data.kind features gives rows of features: views.kind must be features"),
        ("data: {kind: features, file: x}\nviews: {flip: 0.5}", "unknown key views.flip (it belongs to kind images)"),
        ("data: {kind: features}", "data.file is missing"),
        ("data: {kind: features, file: x, levels: [a, a]}", "level names must differ"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        trial(text)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def trained(folder: Path, encoder: str, objective: str) -> FitResult:
    """A run on rows whose columns have neither mean 0 nor deviation 1."""
    file = write_features(folder / "t", 20)
    np.save(file / "features.npy", np.load(file / "features.npy") * 7 + 3)
    head = "mlp" if encoder == "identity" and objective in ("g-hmlc", "supcon") else "identity"
    dims = ", hidden_dim: 16, feature_dim: 12" if encoder == "mlp" else ""
    config = trial(
        SHORT + f"data: {{kind: features, file: {file}}}\nviews: {{mixup: 0.3}}\n"
        f"encoder: {{kind: {encoder}{dims}}}\nhead: {{kind: {head}}}\nobjective: {{kind: {objective}}}"
    )
    return fit(config, lambda record, snapshot: None, test=True)


@pytest.mark.parametrize("encoder", ["mlp", "identity"])
@pytest.mark.parametrize("objective", ["g-hmlc", "a-hmlc", "cross-entropy", "supcon"])
def test_a_run_learns_and_its_encoder_begins_with_the_training_rows_statistics(
    encoder: str, objective: str, tmp_path: Path
) -> None:
    result = trained(tmp_path, encoder, objective)
    assert result.metrics["test/probe_top1/leaf"] > 0.9
    scaling = encoder_of(result.checkpoint).get_submodule("scaling")
    assert isinstance(scaling, Standardise)
    standard = scaling(result.data.train.at(torch.arange(len(result.data.train))))
    torch.testing.assert_close(standard.mean(dim=0), torch.zeros(8), atol=1e-5, rtol=0)
    torch.testing.assert_close(standard.std(dim=0, correction=0), torch.ones(8))


@pytest.mark.slow
def test_the_exports_take_raw_rows(tmp_path: Path) -> None:
    checkpoint = trained(tmp_path, "mlp", "g-hmlc").checkpoint
    plain, rows = encoder_of(checkpoint), np.load(tmp_path / "t" / "features.npy")
    assert export_encoder(checkpoint, tmp_path / "encoder") == []
    program = torch.export.load(tmp_path / "encoder" / PROGRAM_FILE).module()
    raw = torch.from_numpy(rows[:5])
    torch.testing.assert_close(program(raw), plain(raw))
    torch.testing.assert_close(read_export(tmp_path / "encoder")(raw), plain(raw))
    import onnxruntime

    session = onnxruntime.InferenceSession(tmp_path / "encoder" / ONNX_FILE)
    (found,) = session.run(None, {"inputs": rows[:5]})
    np.testing.assert_allclose(found, plain(raw).detach().numpy(), rtol=1e-4, atol=1e-4)
    described = (tmp_path / "encoder" / CONFIG_FILE).read_text()
    assert '"input_layout": "float32 [batch, features]"' in described
    assert "the network standardises them first" in described


def test_without_standardisation_the_encoder_takes_rows_as_they_are(tmp_path: Path) -> None:
    file = write_features(tmp_path)
    config = trial(f"data: {{kind: features, file: {file}, standardise: false}}\nencoder: {{kind: identity}}")
    data = load_data(config.data)
    encoder = build_learner(config, data).encoder
    torch.testing.assert_close(encoder(data.train.inputs[:4]), data.train.inputs[:4])
