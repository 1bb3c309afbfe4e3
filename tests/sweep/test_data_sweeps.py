"""Sweeps on images: the published search spaces in small on real data, and no image decoded twice."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from made_features import write_features
from packs import file_of, root_of
from PIL import Image
from sandbox import Sandbox

from hmlc_ray.study import schema
from hmlc_ray.taxonomies.named import cifar100_taxonomy

SPACES = Path(__file__).parents[2] / "search_spaces"
SHORT = ("-o", "study.num_trials=1", "-o", "study.refit=null", "-o", "training.epochs=1", "-o", "evaluation.every=1")
PACKS = {
    # The search space, what HMLC_DATA_DIR has to hold, the root below it, and a bar: about twice what guessing gives.
    "mnist": ("mnist.yaml", "MNIST/raw", "", 0.6),
    "grocery": ("grocery.yaml", "grocery-128", "grocery-128", 0.2),
    "tiny-imagenet": ("tiny_imagenet.yaml", "tiny-imagenet-200-subset", "tiny-imagenet-200-subset", 0.12),
    "cifar100-partial": ("image_folder.yaml", "cifar100-partial", "cifar100-partial", 0.06),
    "modelnet40-points": ("modelnet40_points.yaml", "modelnet40-points", "modelnet40-points", 0.2),
    "clinc": ("clinc_features.yaml", "clinc150-minilm", "clinc150-minilm", 0.4),
}

TRUSTING = """
import importlib.util, sys

class Trusting:
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision.datasets.cifar":  # whichever process loads it; all others start as fast as ever
            sys.meta_path.remove(self)
            spec = importlib.util.find_spec(name)
            load = spec.loader.exec_module
            def exec_module(module):
                load(module)
                module.check_integrity = lambda *args: True
            spec.loader.exec_module = exec_module
            return spec

sys.meta_path.insert(0, Trusting())
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def smoke(tmp_path: Path) -> Callable[..., Sandbox]:
    """Runs a search space's smoke profile to its end."""

    def run(space: str, *options: str) -> Sandbox:
        sandbox = Sandbox(tmp_path)
        done = sandbox.hmlc("sweep", str(SPACES / space), "--profile", "smoke", "--name", "smoke", *options)
        assert done.returncode == 0, done.stderr
        assert sandbox.parent("smoke").status == "FINISHED"
        return sandbox

    return run


@pytest.mark.data
@pytest.mark.timeout(600)
@pytest.mark.parametrize("pack", PACKS)
def test_the_smoke_profile_learns_from_real_data(pack: str, smoke: Callable[..., Sandbox]) -> None:
    space, needed, folder, bar = PACKS[pack]
    key = "file" if pack == "clinc" else "root"
    sandbox = smoke(space, "-o", f"data.{key}={root_of(needed) / folder}")
    best = max(trial.metrics["val/probe_top1/mean"] for trial in sandbox.trials("smoke"))
    assert best >= bar
    place = "disk" if pack == "modelnet40-points" else "memory"
    assert sandbox.parent("smoke").tags[schema.DATA_PLACE] == place


@pytest.mark.data
@pytest.mark.timeout(600)
def test_the_smoke_profile_runs_on_real_meshes(smoke: Callable[..., Sandbox], tmp_path: Path) -> None:
    """On the three classes that have enough meshes at hand to be divided: eleven, from which nothing can be learnt."""
    root = file_of("modelnet-mini/ModelNet40")
    (tmp_path / "data").mkdir()
    for name in ("bathtub", "bed", "chair"):
        (tmp_path / "data" / name).symlink_to(root / name)
    sandbox = smoke("modelnet40.yaml", "-o", f"data.root={tmp_path / 'data'}", "-o", "training.global_batch_size=4")
    assert {trial.tags[schema.STATUS] for trial in sandbox.trials("smoke")} <= {"completed", "pruned"}


@pytest.mark.data
@pytest.mark.timeout(600)
def test_the_smoke_profile_tells_primitives_apart(smoke: Callable[..., Sandbox]) -> None:
    sandbox = smoke("primitives.yaml")
    assert sandbox.parent("smoke").metrics["test/probe_top1/leaf"] >= 0.9


@pytest.mark.journey
def test_the_smoke_profile_of_cifar100_runs_on_files_in_its_format(tmp_path: Path) -> None:
    """The checksums are those of the small files made here, which `sitecustomize` has torchvision believe."""
    folder = tmp_path / "data" / "cifar-100-python"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, copies in (("train", 10), ("test", 2)):
        labels = list(range(100)) * copies
        pixels = rng.integers(0, 100, (len(labels), 3072), dtype=np.uint8) + np.array(labels, dtype=np.uint8)[:, None]
        (folder / name).write_bytes(pickle.dumps({"data": pixels, "fine_labels": labels}))
    (folder / "meta").write_bytes(pickle.dumps({"fine_label_names": list(cifar100_taxonomy().class_names[1])}))
    trusting = tmp_path / "trusting"
    trusting.mkdir()
    (trusting / "sitecustomize.py").write_text(TRUSTING)
    sandbox = Sandbox(tmp_path)
    space = SPACES / "cifar100.yaml"
    done = sandbox.hmlc(
        "sweep", str(space), "--profile", "smoke", "--name", "smoke", *SHORT, env={"PYTHONPATH": str(trusting)}
    )
    assert done.returncode == 0, done.stderr
    assert [trial.tags[schema.STATUS] for trial in sandbox.trials("smoke")] == ["completed"]


@pytest.mark.journey
def test_trials_open_what_was_decoded_before(tmp_path: Path) -> None:
    """After `hmlc data prepare` the images are spoilt, sizes and times kept: whoever decodes one of them fails."""
    rng = np.random.default_rng(0)
    files = [tmp_path / "images" / leaf / f"{i}.png" for leaf in ("a/x", "a/y", "b/z") for i in range(12)]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).save(file)
    sandbox = Sandbox(tmp_path)
    overrides = ("-o", f"data.root={tmp_path / 'images'}", "-o", "data.image_size=8")
    assert sandbox.here("data", "prepare", "image-folder", *overrides).returncode == 0
    for file in files:
        found = file.stat()
        file.write_bytes(bytes(found.st_size))
        os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    fresh = sandbox.here("data", "show", "image-folder", *overrides, env={"HMLC_CACHE": str(tmp_path / "other")})
    assert fresh.returncode == 2, "without the cache the images cannot be read"
    done = sandbox.hmlc(
        "sweep", str(SPACES / "image_folder.yaml"), "--profile", "smoke", "--name", "smoke", *overrides,
        *SHORT, "-o", "study.num_trials=2", "-o", "training.global_batch_size=8", "-o", "trials.max_concurrent=2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [trial.tags[schema.STATUS] for trial in sandbox.trials("smoke")] == ["completed", "completed"]


@pytest.mark.journey
def test_a_sweep_of_features_compares_heads_and_exports_what_takes_raw_rows(tmp_path: Path) -> None:
    """In the warm trial process, with few samples per leaf and paths relative to the folder of the command."""
    write_features(tmp_path / "table", 20)
    sandbox = Sandbox(tmp_path)
    space = tmp_path / "space.yaml"
    space.write_text(
        "study: {name: s, num_trials: 2}\n"
        "base:\n  data: {kind: features, file: table, limit_per_leaf: 5}\n  encoder: {hidden_dim: 16, feature_dim: 8}\n"
        "  training: {epochs: 1, global_batch_size: 16}\n  optimiser: {warmup_epochs: 0}\n"
        "space: {head.kind: {choice: [mlp, identity]}}\n"
    )
    done = sandbox.hmlc("sweep", str(space), "--name", "s")
    assert done.returncode == 0, done.stderr
    trials = sandbox.trials("s")
    assert [trial.tags[schema.STATUS] for trial in trials] == ["completed", "completed"]
    assert {trial.params["head.kind"] for trial in trials} == {"mlp", "identity"}
    assert "train holds 20 of " in sandbox.parent("s").tags[schema.DATA_NOTES]
    (folder,) = tmp_path.rglob("studies/s/encoder")
    network = torch.export.load(folder / "encoder.pt2").module()
    assert network(torch.from_numpy(np.load(tmp_path / "table" / "features.npy"))).shape == (80, 8)
