"""Models of torchvision by name, and weights from local files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from model_checks import check_features_and_gradients
from pydantic import TypeAdapter

from hmlc_ray.compute.torchvision_shim import torchvision
from hmlc_ray.config.encoder import EncoderConfig, ResNet18Config, TorchvisionConfig
from hmlc_ray.config.model_names import model_names
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.encoders import build_encoder
from hmlc_ray.errors import ConfigError

SMALL = "mobilenet_v3_small"


def config(name: str, weights: Path | None = None) -> EncoderConfig:
    values = {"kind": "torchvision", "name": name, "weights": None if weights is None else str(weights)}
    adapter: TypeAdapter[Any] = TypeAdapter(EncoderConfig)
    return adapter.validate_python(values)


def test_the_names_are_those_of_torchvision() -> None:
    assert set(model_names("torchvision")) == set(torchvision.models.list_models(module=torchvision.models))


def test_an_unknown_name_is_refused_with_near_ones_and_without_torch() -> None:
    with pytest.raises(
        ConfigError, match=r"t\.yaml: encoder\.name is 'efficientnet_bo'.*near ones are .*efficientnet_b\d"
    ):
        validate(TrialConfig, {"encoder": {"kind": "torchvision", "name": "efficientnet_bo"}}, "t.yaml")
    code = (
        "import sys; from hmlc_ray.config.encoder import TorchvisionConfig; TorchvisionConfig(name='vit_b_16'); "
        "print({'torch', 'torchvision'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("name", "features", "shape"),
    [
        (SMALL, 1024, (3, 32, 32)),
        ("squeezenet1_1", 512, (1, 32, 32)),
        ("shufflenet_v2_x0_5", 1024, (3, 40, 32)),
        ("googlenet", 1024, (3, 32, 32)),
        ("regnet_y_400mf", 440, (1, 32, 32)),
    ],
)
def test_a_model_gives_features_and_trains(name: str, features: int, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    check_features_and_gradients(build_encoder(config(name), shape), shape, features)


def test_sizes_and_channels_that_a_model_cannot_take_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"alexnet cannot take images of 32x32 pixels .*data\.image_size"):
        build_encoder(config("alexnet"), (3, 32, 32))
    with pytest.raises(ConfigError, match=r"takes images of 1 or 3 channels, the data has 4"):
        build_encoder(config(SMALL), (4, 32, 32))


def saved(file: Path, state: object) -> Path:
    torch.save(state, file)
    return file


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Weights as torchvision publishes them, classifier included."""
    torch.manual_seed(3)
    return saved(tmp_path / "resnet18.pth", torchvision.models.resnet18(weights=None).state_dict())


def test_weights_with_a_classifier_are_taken(published: Path) -> None:
    encoder = build_encoder(ResNet18Config(stem="imagenet", weights=str(published)), (3, 64, 64))
    wanted = torch.load(published, weights_only=True)
    named = build_encoder(config("resnet18", published), (3, 64, 64)).state_dict()
    for name, value in encoder.state_dict().items():
        assert torch.equal(value, wanted[name.removeprefix("trunk.")])
        assert torch.equal(value, named[name])


def test_an_exported_encoder_is_taken(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first = build_encoder(config(SMALL), (3, 32, 32))
    again = build_encoder(config(SMALL, saved(tmp_path / "encoder.pt", first.state_dict())), (3, 32, 32))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))


def test_weights_that_do_not_fit_are_told_in_a_sentence(published: Path, tmp_path: Path) -> None:
    whole = torch.load(published, weights_only=True)
    small = {name: value for name, value in whole.items() if not name.startswith("layer4.1")}
    cases = [
        (
            ResNet18Config(weights=str(published)),
            r"do not fit encoder `resnet18` with stem: cifar: conv1\.weight is 64x3x7x7",
        ),
        (config("resnet50", published), r"do not fit torchvision's resnet50: layer1\.0\.conv1\.weight is 64x64x3x3"),
        (config("resnet18", saved(tmp_path / "a.pt", small)), r"they lack layer4\.1\.conv1\.weight"),
        (config("resnet18", saved(tmp_path / "b.pt", whole | {"x": whole["bn1.bias"]})), r"resnet18: it has no x"),
        (config("resnet18", saved(tmp_path / "c.pt", {"epoch": 3})), r"must be a state dict"),
        (config("resnet18", saved(tmp_path / "d.pt", torchvision.models.resnet18(weights=None))), r"more than tensors"),
        (config("resnet18", tmp_path / "nothing.pt"), r"cannot read encoder\.weights .*nothing\.pt': No such file"),
    ]
    (tmp_path / "text.pt").write_text("hello")
    cases.append((config("resnet18", tmp_path / "text.pt"), r"is not a state dict that torch\.save wrote"))
    for wrong, sentence in cases:
        with pytest.raises(ConfigError, match=sentence) as caught:
            build_encoder(wrong, (3, 64, 64))
        assert "\n" not in str(caught.value)


def test_the_kind_is_part_of_the_union() -> None:
    assert isinstance(config(SMALL), TorchvisionConfig)
