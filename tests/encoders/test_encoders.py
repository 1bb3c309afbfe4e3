"""Encoders and head: shapes, sizes, gradients, bad input."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from pydantic import TypeAdapter

from hmlc_ray.config.encoder import ConvNetConfig, EncoderConfig, MlpConfig, MlpHeadConfig, ResNet18Config
from hmlc_ray.encoders import build_encoder, build_head

CONFIGS: list[EncoderConfig] = [
    ConvNetConfig(width=8, feature_dim=16),
    ConvNetConfig(width=4, depth=5, feature_dim=16),
    ConvNetConfig(width=4, depth=1, feature_dim=16),
    MlpConfig(hidden_dim=12, feature_dim=16),
]


@pytest.mark.parametrize("config", CONFIGS, ids=str)
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 28, 28), (3, 33, 21)])
def test_every_encoder_gives_its_feature_dim_and_trains_all_parameters(
    config: EncoderConfig, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    encoder = build_encoder(config, shape)
    features = encoder(torch.rand(6, *shape) * 2 - 1)
    assert features.shape == (6, encoder.feature_dim) == (6, 16)
    features.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())
    assert all(p.grad.abs().sum() > 0 for p in encoder.parameters() if p.grad is not None)


@pytest.mark.parametrize(("stem", "map_size"), [("cifar", 4), ("imagenet", 1)])
def test_resnet18_stems_and_channels(stem: str, map_size: int) -> None:
    encoder = build_encoder(ResNet18Config.model_validate({"stem": stem}), (1, 32, 32))
    maps: list[torch.Size] = []
    encoder.trunk.layer4.register_forward_hook(lambda _m, _i, out: maps.append(out.shape))  # type: ignore[union-attr]
    encoder.eval()
    with torch.no_grad():
        features = encoder(torch.zeros(1, 1, 32, 32))
    assert features.shape == (1, encoder.feature_dim) == (1, 512)
    assert maps == [torch.Size([1, 512, map_size, map_size])]
    convolutions = [m for m in encoder.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 20  # 17 of the blocks and stem, 3 shortcuts: with the classifier, 18 layers


@pytest.mark.parametrize(
    ("kind", "features", "parameters"), [("resnet34", 512, 21_284_672), ("resnet50", 2048, 23_508_032)]
)
def test_deeper_resnets_have_their_known_sizes(kind: str, features: int, parameters: int) -> None:
    config = TypeAdapter(EncoderConfig).validate_python({"kind": kind, "stem": "imagenet"})
    encoder = build_encoder(config, (3, 64, 64))
    assert encoder.feature_dim == features
    assert sum(p.numel() for p in encoder.parameters()) == parameters
    with torch.no_grad():
        assert encoder.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, features)


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_the_head_has_so_many_linear_layers(layers: int) -> None:
    head = build_head(MlpHeadConfig(layers=layers, hidden_dim=24, embedding_dim=10), feature_dim=16)
    assert head(torch.randn(5, 16)).shape == (5, 10)
    assert sum(isinstance(m, torch.nn.Linear) for m in head.modules()) == layers


def test_torchvision_imports_in_a_fresh_process_without_warnings() -> None:
    code = "from hmlc_ray.compute.torchvision_shim import torchvision as t; print(len(t.models.list_models()) > 50)"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr
