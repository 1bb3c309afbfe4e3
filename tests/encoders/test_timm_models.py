"""Models of timm by name, weights from local files, and what is reported where timm is not installed."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from model_checks import check_features_and_gradients
from safetensors.torch import save_file
from torch import nn

from hmlc_ray.compute.torchvision_shim import torchvision
from hmlc_ray.config.encoder import TimmConfig, without_weights
from hmlc_ray.config.levels import check_trial
from hmlc_ray.config.model_names import model_names, unknown_model
from hmlc_ray.config.sweep import load_sweep
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.config.validate import validate
from hmlc_ray.encoders import Encoder, build_encoder
from hmlc_ray.errors import ConfigError

assert torchvision is not None, "before timm, which imports it"
import timm  # noqa: E402

SMALL, VIT = "test_efficientnet", "test_vit"


def built(name: str, shape: tuple[int, ...] = (3, 32, 32), **values: Any) -> Encoder:
    torch.manual_seed(0)
    return build_encoder(TimmConfig(name=name, **values), shape)


def published(file: Path, name: str, **options: Any) -> dict[str, torch.Tensor]:
    """Weights as timm publishes them, classifier included."""
    torch.manual_seed(3)
    state = timm.create_model(name, pretrained=False, **options).state_dict()
    if file.suffix == ".safetensors":
        save_file(state, file)
    else:
        torch.save(state, file)
    return dict(state)


def test_the_names_are_those_of_timm_with_every_tag() -> None:
    assert set(model_names("timm")) == set(timm.list_models())
    tagged = timm.list_models(include_tags=True)
    assert len(tagged) > len(timm.list_models())
    assert [name for name in tagged if unknown_model("timm", name)] == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("convnext_nanno", r"which timm has no model of; near ones are convnext_nano, "),
        ("hf-hub:timm/resnet50.a1_in1k", "which timm has no model of; "),
        ("local-dir:/tmp/model", "which timm has no model of; "),
        ("test_vit.r160", r"timm has no weights of that tag; the tags of test_vit are r160_in1k$"),
        ("test_vit.", "timm has no weights of that tag"),
    ],
)
def test_an_unknown_name_is_refused_with_near_ones(name: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=rf"t\.yaml: encoder\.name is '{re.escape(name)}', .*{sentence}"):
        validate(TrialConfig, {"encoder": {"kind": "timm", "name": name}}, "t.yaml")


def test_names_are_searched_and_checked_without_importing_timm_or_torch() -> None:
    space = {
        "study": {"name": "s", "num_trials": 2},
        "base": {"encoder": {"kind": "timm"}},
        "space": {"encoder.name": {"choice": [SMALL, VIT]}},
    }
    assert load_sweep(space).search_space().first().encoder.kind == "timm"
    wrong = {**space, "space": {"encoder.name": {"choice": [SMALL, "test_vits"]}}}
    with pytest.raises(ConfigError, match=r"space\.encoder\.name, choice .test_vits.: encoder\.name is 'test_vits'"):
        load_sweep(wrong)
    code = (
        f"import sys; from hmlc_ray.config.encoder import TimmConfig; TimmConfig(name={VIT!r}); "
        "print({'torch', 'torchvision', 'timm', 'huggingface_hub'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_without_timm_the_extra_is_named_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    wanted = r"encoder\.kind timm needs timm, which is not installed here: pip install 'hmlc-ray\[timm\]'"
    config = TimmConfig(name=SMALL)
    with pytest.raises(ConfigError, match=wanted):
        check_trial(TrialConfig(encoder=config))
    with pytest.raises(ConfigError, match=wanted):
        load_sweep(
            {
                "study": {"name": "s", "num_trials": 2},
                "base": {"encoder": config.model_dump()},
                "space": {"objective.temperature": {"float": [0.1, 0.2]}},
            }
        )
    with pytest.raises(ConfigError, match=wanted):
        build_encoder(config, (3, 32, 32))


@pytest.mark.parametrize(
    ("name", "shape", "features"),
    [(SMALL, (1, 32, 32), 256), (VIT, (3, 48, 32), 64), ("mobilenetv3_small_050", (3, 40, 32), 1024)],
)
def test_a_model_gives_features_and_trains(name: str, shape: tuple[int, ...], features: int) -> None:
    check_features_and_gradients(built(name, shape), shape, features)


@pytest.mark.parametrize(
    ("name", "shape", "sentence"),
    [
        (SMALL, (4, 32, 32), "takes images of 1 or 3 channels, the data has 4"),
        (
            VIT,
            (3, 40, 40),
            r"in patches of 16x16 pixels, which do not fill images of 40x40; set data\.image_size to a ",
        ),
        ("test_convnext", (3, 24, 24), r"cannot take images of 24x24 pixels \(.*\); set data\.image_size"),
        ("convmixer_768_32", (40, 3), r"encoder `timm` takes images \(channels, height, width\)"),
    ],
)
def test_sizes_and_channels_that_a_model_cannot_take_are_refused(
    name: str, shape: tuple[int, ...], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        built(name, shape)


def test_a_model_of_one_size_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a model whose function has no `img_size`."""
    create = timm.create_model

    def without_size(name: str, **options: Any) -> nn.Module:
        if "img_size" in options:
            raise TypeError("__init__() got an unexpected keyword argument 'img_size'")
        return create(name, **options)

    monkeypatch.setattr(timm, "create_model", without_size)
    with pytest.raises(
        ConfigError, match=r"takes images of 160x160 pixels alone, the data has 32x32; .*image_size: 160$"
    ):
        built(VIT)
    assert built(VIT, (3, 160, 160)).feature_dim == 64


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_published_weights_are_taken_with_their_intensities(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"weights{suffix}"
    wanted = published(file, SMALL)
    encoder = built(f"{SMALL}.r160_in1k", weights=str(file)).eval()
    for name, value in encoder.get_submodule("trunk").state_dict().items():
        assert torch.equal(value, wanted[name]), name
    # As timm's own pipeline makes inputs: 0 to 1, then less the mean, by the deviation.
    model = timm.create_model(SMALL, num_classes=0).eval()
    model.load_state_dict({name: value for name, value in wanted.items() if not name.startswith("classifier.")})
    pixels = torch.rand(2, 3, 32, 32)
    mean, deviation = (torch.tensor(model.pretrained_cfg[name]).view(-1, 1, 1) for name in ("mean", "std"))
    assert mean[0] != 0.5
    with torch.no_grad():
        torch.testing.assert_close(encoder(pixels * 2 - 1), model((pixels - mean) / deviation), atol=1e-4, rtol=1e-4)


def test_without_weights_inputs_are_as_those_of_other_encoders() -> None:
    encoder = built(SMALL).eval()
    inputs = torch.rand(2, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        assert torch.equal(encoder(inputs), encoder.get_submodule("trunk")(inputs))


def test_a_checkpoint_keeps_the_intensities_without_the_file(tmp_path: Path) -> None:
    published(tmp_path / "w.pth", SMALL)
    config = TimmConfig(name=SMALL, weights=str(tmp_path / "w.pth"))
    first, again = build_encoder(config, (3, 32, 32)), build_encoder(without_weights(config), (3, 32, 32))
    again.load_state_dict(first.state_dict())
    inputs = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(first.eval()(inputs), again.eval()(inputs))


@pytest.mark.parametrize("start", ["", "encoder."])
def test_an_exported_encoder_is_taken_with_its_own_intensities(start: str, tmp_path: Path) -> None:
    first = built(SMALL)  # of fresh weights: nothing is subtracted
    torch.save({f"{start}{name}": value for name, value in first.state_dict().items()}, tmp_path / "encoder.pt")
    again = built(SMALL, weights=str(tmp_path / "encoder.pt"))
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_positions_of_another_image_size_are_resampled_as_timm_does(tmp_path: Path) -> None:
    published(tmp_path / "w.safetensors", VIT)  # for 160 pixels
    encoder = built(VIT, (3, 64, 64), weights=str(tmp_path / "w.safetensors"))
    model = timm.create_model(
        VIT,
        pretrained=True,
        num_classes=0,
        img_size=64,
        pretrained_cfg_overlay={"file": str(tmp_path / "w.safetensors")},
    )
    found = encoder.get_submodule("trunk").state_dict()
    for name, value in model.state_dict().items():
        torch.testing.assert_close(found[name], value)


def test_weights_that_do_not_fit_are_reported_in_a_sentence(tmp_path: Path) -> None:
    published(tmp_path / "small.pth", SMALL)
    published(tmp_path / "vit.pth", VIT)
    torch.save(timm.create_model(SMALL), tmp_path / "whole.pth")
    cases = [
        (VIT, "small.pth", r"are not of timm's test_vit: they lack cls_token"),
        ("test_vit2", "vit.pth", r"are not of timm's test_vit2: they lack "),
        ("test_efficientnet_gn", "small.pth", r"not of timm's test_efficientnet_gn: it has no bn1\.running_mean"),
        (SMALL, "whole.pth", "holds more than tensors"),
        (SMALL, "none.safetensors", r"cannot read encoder\.weights .*none\.safetensors': No such file"),
    ]
    for name, file, sentence in cases:
        with pytest.raises(ConfigError, match=sentence) as caught:
            built(name, weights=str(tmp_path / file))
        assert "\n" not in str(caught.value)


def test_no_host_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert built(f"{SMALL}.r160_in1k").feature_dim == 256


def test_parameters_that_features_do_not_use_are_not_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """`DistributedDataParallel` would wait for their gradients in vain."""
    create = timm.create_model

    def with_more(name: str, **options: Any) -> nn.Module:
        model: nn.Module = create(name, **options)
        model.spare = nn.Linear(2, 2)
        return model

    monkeypatch.setattr(timm, "create_model", with_more)
    frozen = [name for name, parameter in built(SMALL).named_parameters() if not parameter.requires_grad]
    assert frozen == ["trunk.spare.weight", "trunk.spare.bias"]
