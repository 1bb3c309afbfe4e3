"""An exported encoder runs where this package is not: on any device, at any batch size, as ONNX."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.export import ExportedProgram

from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data.images import decode
from hmlc_ray.encoders import build_encoder
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.training.checkpoint import Checkpoint
from hmlc_ray.training.export import encoder_of, export_encoder

ROOT = Path(__file__).parents[2]
slow = pytest.mark.slow
IMAGES, CLOUDS = (3, 32, 32), (40, 3)
CLOUD = {"width": 4, "pooled_dim": 16, "feature_dim": 16}
ENCODERS: list[Any] = [
    ({"kind": "mlp", "hidden_dim": 16}, (1, 8, 8), []),
    ({"kind": "convnet", "width": 8}, IMAGES, [(3, 41, 27), (3, 12, 64)]),
    pytest.param({"kind": "convnet", "width": 4, "depth": 4}, (1, 8, 8), [], marks=slow),
    pytest.param({"kind": "resnet18"}, IMAGES, [(3, 41, 27)], marks=slow),
    pytest.param({"kind": "torchvision", "name": "squeezenet1_1"}, (1, 64, 64), [(1, 80, 97)], marks=slow),
    pytest.param({"kind": "timm", "name": "test_vit"}, (1, 32, 32), [], marks=slow),
    ({"kind": "pointnet", **CLOUD}, CLOUDS, [(70, 3)]),
    pytest.param({"kind": "dgcnn", "neighbours": 4, **CLOUD}, CLOUDS, [], marks=slow),
]


def make_checkpoint(encoder: dict[str, Any], shape: tuple[int, ...]) -> Checkpoint:
    """As training leaves it, with the statistics of batch norms moved away from where they start."""
    torch.manual_seed(0)
    config = TrialConfig.model_validate(
        {"data": {"kind": "primitives" if len(shape) == 2 else "digits"}, "encoder": encoder}
    )
    network = build_encoder(config.encoder, shape)
    with torch.no_grad():
        for value in network.buffers():
            if value.is_floating_point():
                value.copy_(0.5 + torch.rand_like(value))
    learner = {f"encoder.{name}": value for name, value in network.state_dict().items()}
    taxonomy = Taxonomy.from_paths(["a", "b"], [("x", "1"), ("x", "2"), ("y", "3")])
    return Checkpoint(config, taxonomy, 1, {}, None, shape, "f", {"learner": learner})


@dataclass(frozen=True)
class Exported:
    """The networks of an exported encoder, each loaded once."""

    program: ExportedProgram
    session: onnxruntime.InferenceSession

    @classmethod
    def of(cls, folder: Path) -> Exported:
        session = onnxruntime.InferenceSession(folder / "encoder.onnx")
        return cls(torch.export.load(folder / "encoder.pt2"), session)

    def features(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """By the program and by ONNX."""
        with torch.no_grad():
            program = self.program.module()(inputs)
        (onnx,) = self.session.run(["features"], {"inputs": inputs.numpy()})
        return program, torch.from_numpy(onnx)


@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # of torch, when it reads a program back
@pytest.mark.parametrize(("encoder", "shape", "others"), ENCODERS, ids=lambda value: str(value)[:40])
def test_both_networks_are_the_trained_encoder(
    encoder: dict[str, Any],
    shape: tuple[int, ...],
    others: list[tuple[int, ...]],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    checkpoint = make_checkpoint(encoder, shape)
    assert export_encoder(checkpoint, tmp_path) == []
    assert "".join(capfd.readouterr()) == ""
    trained, exported = encoder_of(checkpoint), Exported.of(tmp_path)
    for size in (shape, *others):
        for batch in (1, 3):
            inputs = torch.rand(batch, *size) * 2 - 1
            with torch.no_grad():
                wanted = trained(inputs)
            for found in exported.features(inputs):
                torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    description = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert {name: found["sizes"]["batch"] for name, found in description["formats"].items()} == {
        "encoder.pt2": [1, None],
        "encoder.onnx": [1, None],
    }
    # The meta device stands for a GPU: what is computed on another device than the weights' fails there as well.
    assert description["formats"]["encoder.pt2"]["device"] == "any"
    elsewhere = exported.program.module().to("meta")(torch.empty(2, *shape, device="meta"))
    assert (elsewhere.device.type, elsewhere.shape) == ("meta", (2, description["feature_dim"]))
    assert "device=" not in exported.program.graph_module.code.replace("device=None", "")
    # Where surrounding code calls `eval`, it can.
    inputs = torch.rand(2, *shape)
    unflattened = torch.nn.Sequential(torch.export.unflatten(exported.program)).eval()
    torch.testing.assert_close(unflattened(inputs), trained(inputs))


@pytest.mark.parametrize(
    ("broken", "kept"), [("hmlc_ray.training.export.encoder.save_onnx", ["encoder.pt2"]), ("torch.export.export", [])]
)
def test_a_format_that_fails_does_not_lose_the_encoder(
    broken: str, kept: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = make_checkpoint({"kind": "mlp", "hidden_dim": 16}, (1, 8, 8))
    export_encoder(checkpoint, tmp_path)  # whose files must not stay

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no such operation\nat length")

    monkeypatch.setattr(broken, fail)
    sentences = export_encoder(checkpoint, tmp_path)
    assert sentences[-1] == "encoder.onnx was not written: RuntimeError: no such operation"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["config.json", "encoder.pt", *kept])
    assert torch.load(tmp_path / "encoder.pt", weights_only=True).keys() == encoder_of(checkpoint).state_dict().keys()
    formats = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["formats"]
    assert formats["encoder.onnx"] == {"missing": "RuntimeError: no such operation"}


def snippets(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def run(code: str, folder: Path) -> str:
    """In a folder and a process of its own, in which this package cannot be imported."""
    code = f"import sys\nsys.modules['hmlc_ray'] = None\n{code}"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_lines_of_the_readme_embed_an_image(tmp_path: Path) -> None:
    checkpoint = make_checkpoint({"kind": "convnet", "width": 8}, IMAGES)
    export_encoder(checkpoint, tmp_path / "hmlc-home/studies/fruit/encoder")
    noise = np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((140, 100)).save(tmp_path / "apple.jpg", quality=95)
    (code,) = (code for code in snippets("README.md") if "hmlc_ray" not in code)
    found = json.loads(run(f"{code}\nprint(feature.tolist())", tmp_path))
    pixels = torch.from_numpy(decode(tmp_path / "apple.jpg", 3, 32).copy())
    with torch.no_grad():
        wanted = encoder_of(checkpoint)(pixels[None] / 127.5 - 1)
    torch.testing.assert_close(torch.tensor(found), wanted, rtol=1e-4, atol=1e-5)


def test_the_lines_of_the_page_on_exports_run(tmp_path: Path) -> None:
    export_encoder(make_checkpoint({"kind": "mlp", "hidden_dim": 16}, (1, 8, 8)), tmp_path / "encoder")
    larger, onnx = snippets("docs/export.md")
    assert run(f"{larger}\nprint(tuple(network(torch.zeros(4, 1, 8, 8)).shape))", tmp_path) == "(4, 10)\n"
    assert run(f"{onnx}\nprint(features.shape)", tmp_path) == "(4, 128)\n"
