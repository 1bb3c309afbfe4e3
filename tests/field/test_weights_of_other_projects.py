"""Weights as SupContrast, MoCo, DINO, lightly, timm and wrapped training programs save them: found, or told where."""

from __future__ import annotations

import argparse
import logging
import os
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from hmlc_ray.config.encoder import ResNet18Config
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.encoders import build_encoder
from hmlc_ray.encoders.weights import load_weights
from hmlc_ray.errors import ConfigError
from hmlc_ray.runs.recording import log_checkpoint
from hmlc_ray.tracking import Tracker
from hmlc_ray.training.checkpoint import Checkpoint, save_checkpoint
from hmlc_ray.training.fit import fit

State = dict[str, Tensor]
WHAT = "the network"


class Trunk(nn.Module):
    """Parameters as a residual network of torchvision calls them, few of each."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = nn.Sequential(nn.Module())
        self.layer1[0].conv1 = nn.Conv2d(4, 4, 3)
        self.layer1[0].downsample = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))
        self.fc = nn.Identity()


@pytest.fixture
def state() -> State:
    torch.manual_seed(0)
    return Trunk().state_dict()


def below(prefix: str, state: State) -> State:
    return OrderedDict((prefix + name, value) for name, value in state.items())


def classifier(name: str = "fc") -> State:
    return {f"{name}.weight": torch.zeros(10, 4), f"{name}.bias": torch.zeros(10)}


def shortcut(state: State) -> State:
    return {name.replace("downsample", "shortcut"): value for name, value in state.items()}


def numbered(state: State) -> State:
    numbers = {"conv1": "0", "bn1": "1", "layer1": "2"}
    return {
        ".".join([numbers[first], *rest]): value for name, value in state.items() for first, *rest in [name.split(".")]
    }


def moco(state: State) -> State:
    other = {name: value + 1 for name, value in state.items()}
    return {**below("encoder_q.", state), **below("encoder_k.", other), "queue": torch.zeros(4, 9)}


OPTIMISER = {"state": {0: {"momentum_buffer": torch.zeros(3)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
FOUND: dict[str, tuple[Callable[[State], Any], str]] = {
    "torchvision": (lambda s: {**s, **classifier()}, ""),
    "an export of ours": (lambda s: below("trunk.", s), "trunk."),
    "DataParallel": (lambda s: below("module.", {**s, **classifier()}), "module."),
    "torch.compile": (lambda s: below("_orig_mod.", s), "_orig_mod."),
    "both": (lambda s: below("_orig_mod.module.", s), "_orig_mod.module."),
    "timm": (lambda s: {"state_dict": {**s, **classifier()}, "epoch": 9, "arch": "resnet18"}, "state_dict."),
    "SupContrast": (
        lambda s: {
            "opt": argparse.Namespace(lr=0.05, model="resnet18"), "optimizer": OPTIMISER, "epoch": 7,
            "model": {**below("encoder.", shortcut(s)), **classifier("head.0"), **classifier("head.2")},
        },
        "model.encoder.",
    ),
    "SupContrast on several GPUs": (
        lambda s: {"model": {**below("encoder.module.", shortcut(s)), **classifier("head.0")}}, "model.encoder.module."
    ),
    "lightly": (lambda s: {**below("backbone.", numbered(s)), **classifier("projection_head.layers.0")}, "backbone."),
    "Lightning": (
        lambda s: {"state_dict": {**below("net.backbone.", s), **classifier("net.head")}, "global_step": 1},
        "state_dict.net.backbone.",
    ),
    "a model_state": (lambda s: {"model_state": below("module.encoder.", s)}, "model_state.module.encoder."),
    "half precision": (lambda s: below("x.", {n: v.half() if v.ndim else v for n, v in s.items()}), "x."),
}  # fmt: skip


def saved(file: Path, content: object) -> str:
    torch.save(content, file)
    return str(file)


def same(trunk: nn.Module, state: State) -> bool:
    return all(torch.allclose(value, state[name], atol=1e-3) for name, value in trunk.state_dict().items())


@pytest.mark.parametrize("name", FOUND)
def test_weights_are_found_below_whatever_their_names_begin_with(
    tmp_path: Path, state: State, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    make, prefix = FOUND[name]
    file, trunk = saved(tmp_path / "w.pt", make(state)), Trunk()
    with caplog.at_level(logging.INFO):
        assert load_weights(trunk, file, WHAT, ("fc.",)) == prefix
    assert same(trunk, state)
    assert ("are below" in caplog.text) == (prefix not in ("", "trunk."))
    again = Trunk()
    assert load_weights(again, file, WHAT, ("fc.",), prefix.removesuffix(".")) == prefix
    assert same(again, state)


def test_weights_without_counters_of_batches_are_taken(tmp_path: Path, state: State) -> None:
    old = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    trunk = Trunk()
    load_weights(trunk, saved(tmp_path / "w.pt", below("module.", old)), WHAT, ())
    assert same(trunk, state)


@pytest.mark.parametrize(
    ("make", "prefixes"),
    [
        (lambda s: {"state_dict": below("module.", moco(s))},
         ("state_dict.module.encoder_q.", "state_dict.module.encoder_k.")),
        (lambda s: {"student": below("module.backbone.", s), "teacher": below("backbone.", s)},
         ("student.module.backbone.", "teacher.backbone.")),
        (lambda s: {"model": s, "ema": s}, ("model.", "ema.")),
    ],
    ids=["MoCo", "DINO", "a moving average"],
)  # fmt: skip
def test_of_several_networks_one_has_to_be_named(
    tmp_path: Path, state: State, make: Callable[[State], Any], prefixes: tuple[str, str]
) -> None:
    file = saved(tmp_path / "w.pt", make(state))
    with pytest.raises(ConfigError, match=r"set encoder\.weights_prefix") as caught:
        load_weights(Trunk(), file, WHAT, ("fc.",))
    assert all(repr(prefix) in str(caught.value) for prefix in prefixes)
    trunk = Trunk()
    assert load_weights(trunk, file, WHAT, ("fc.",), prefixes[0]) == prefixes[0]
    assert same(trunk, state)


REFUSED: dict[str, tuple[Callable[[State], Any], str | None, str]] = {
    "another prefix": (lambda s: below("module.", s), "encoder.", "no name .* begins with .*'encoder.'.*'module.conv1"),
    "a layer less": (
        lambda s: below("module.", {n: v for n, v in s.items() if "layer1.0.conv1" not in n}), None,
        r"they lack layer1\.0\.conv1\.weight below 'module\.', and have 'module\.conv1\.weight'",
    ),
    "other names": (
        lambda s: {"embedder.weight": torch.zeros(1)}, None, r"they lack conv1\.weight, and have 'embedder\.weight'"
    ),
    "other shapes": (
        lambda s: below("module.", {**s, "conv1.weight": torch.zeros(4, 3, 7, 7)}), None,
        r"do not fit the network: conv1\.weight is 4x3x7x7 there and 4x3x3x3 here",
    ),
    "a layer more": (
        lambda s: below("module.", {**s, "layer9.weight": torch.zeros(1)}), None, r"of the network: it has no layer9",
    ),
    "no tensors": (lambda s: {"model": {"epoch": 3}}, None, "must be a state dict"),
    "numbers alone": (lambda s: {n: v.tolist() for n, v in s.items()}, None, "must be a state dict"),
    "numpy arrays": (lambda s: {n: v.numpy() for n, v in s.items()}, None, r"more than tensors \(numpy"),
    "a whole module": (lambda s: nn.Linear(1, 1), None, r"more than tensors \(torch\.nn\.modules\.linear\.Linear"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_weights_of_something_else_are_one_sentence(tmp_path: Path, state: State, name: str) -> None:
    make, prefix, said = REFUSED[name]
    with pytest.raises(ConfigError, match=said) as caught:
        load_weights(Trunk(), saved(tmp_path / "w.pt", make(state)), WHAT, ("fc.",), prefix)
    assert "\n" not in str(caught.value)
    assert "w.pt" in str(caught.value)


class Trap:
    """Leaves a file behind when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, ...]]:
        return Path.touch, (Path("trap"),)


CONTENTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "the file is empty"),
    "a web page": (lambda: b"<html>403</html>", "it is a web page"),
    "an LFS pointer": (lambda: b"version https://git-lfs.github.com/spec/v1\noid x\n", "a pointer of Git LFS"),
    "a text": (lambda: b"hello", "is not a state dict that torch.save wrote"),
    "a zip": (lambda: b"PK\3\4" + bytes(60), "is not a state dict that torch.save wrote"),
    "a trap": (lambda: pickle.dumps({"model": Trap()}), "is not a state dict that torch.save wrote"),
}


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("name", CONTENTS)
def test_what_is_no_file_of_weights_is_called_what_it_is_and_never_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, suffix: str
) -> None:
    monkeypatch.chdir(tmp_path)
    content, said = CONTENTS[name]
    Path(f"w{suffix}").write_bytes(content())
    with pytest.raises(ConfigError) as caught:
        load_weights(Trunk(), f"w{suffix}", WHAT, ())
    damaged = suffix == ".safetensors" and "not a valid safetensors file" in str(caught.value)
    assert said in str(caught.value) or damaged, caught.value
    assert "\n" not in str(caught.value)
    assert not Path("trap").exists()


def test_a_torn_file_is_one_sentence(tmp_path: Path, state: State) -> None:
    file = Path(saved(tmp_path / "w.pt", state))
    file.write_bytes(file.read_bytes()[:-300])
    with pytest.raises(ConfigError, match=r"is not a state dict that torch\.save wrote"):
        load_weights(Trunk(), str(file), WHAT, ())


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "w.pt")
    with pytest.raises(ConfigError, match="it is not a regular file"):
        load_weights(Trunk(), str(tmp_path / "w.pt"), WHAT, ())


def test_safetensors_are_read(tmp_path: Path, state: State) -> None:
    save_file = pytest.importorskip("safetensors.torch").save_file
    save_file(below("backbone.", state), tmp_path / "w.safetensors")
    trunk = Trunk()
    assert load_weights(trunk, str(tmp_path / "w.safetensors"), WHAT, ()) == "backbone."
    assert same(trunk, state)
    (tmp_path / "w.safetensors").write_bytes((tmp_path / "w.safetensors").read_bytes()[:-9])
    with pytest.raises(ConfigError, match="is not a valid safetensors file"):
        load_weights(trunk, str(tmp_path / "w.safetensors"), WHAT, ())


def test_without_the_library_of_safetensors_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    (tmp_path / "w.safetensors").write_bytes(b"\x08" + bytes(7) + b"{}      ")
    with pytest.raises(ConfigError, match="needs `pip install safetensors`"):
        load_weights(Trunk(), str(tmp_path / "w.safetensors"), WHAT, ())


def test_a_run_and_its_checkpoint_say_where_the_weights_were_found(tmp_path: Path) -> None:
    """The real network of SupContrast: 3x3 stem, shortcuts by their own name, options beside the weights."""
    torch.manual_seed(1)
    wanted = build_encoder(ResNet18Config(), (1, 8, 8)).state_dict()
    model = below("encoder.", shortcut({name.removeprefix("trunk."): value for name, value in wanted.items()}))
    file = saved(tmp_path / "last.pth", {"opt": argparse.Namespace(epochs=9), "model": model, "epoch": 9})
    encoder = build_encoder(ResNet18Config(weights=file), (1, 8, 8))
    assert all(torch.equal(value, wanted[name]) for name, value in encoder.state_dict().items())
    for i in range(8):
        folder = tmp_path / "images" / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8), 20 * i, np.uint8)).save(folder / f"{i}.png")
    values = {
        "data": {"kind": "image-folder", "root": str(tmp_path / "images"), "image_size": 8, "channels": 1},
        "encoder": {"kind": "resnet18", "weights": file},
        "objective": {"kind": "supcon"},
        "training": {"epochs": 1, "global_batch_size": 4, "cpu_threads": 1},
    }
    config = TrialConfig.model_validate(values)
    snapshots: list[Checkpoint] = []
    fit(config, lambda record, snapshot: snapshots.append(snapshot()))
    assert snapshots[-1].state["weights_prefix"] == "model.encoder."
    save_checkpoint(tmp_path / "checkpoint", snapshots[-1])
    tracker = create_autospec(Tracker, instance=True)
    log_checkpoint(tracker, "run", tmp_path / "checkpoint")
    tracker.set_tags.assert_called_once_with("run", {"hmlc.weights_prefix": "model.encoder."})
