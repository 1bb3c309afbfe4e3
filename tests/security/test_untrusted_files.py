"""Pickles with a payload, wherever a file from outside is read: refused in a sentence, and never run."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from fuzzing import refusal

from hmlc_ray.config.data import Cifar100Config
from hmlc_ray.config.files import load_trial
from hmlc_ray.config.sweep import load_sweep
from hmlc_ray.data import cifar100
from hmlc_ray.encoders.weight_files import read_tensors
from hmlc_ray.meshes import cloud_cache
from hmlc_ray.taxonomies import from_csv, from_json
from hmlc_ray.training.checkpoint import load_checkpoint


class Payload:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.trace,)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


def test_the_payload_works(trace: Path) -> None:
    pickle.loads(pickle.dumps(Payload(trace)))
    assert trace.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_local_weights(tmp_path: Path, trace: Path, zipped: bool) -> None:
    file = tmp_path / "weights.pt"
    torch.save({"conv1.weight": Payload(trace)}, file, _use_new_zipfile_serialization=zipped)
    said = refusal(lambda: read_tensors(str(file)))
    assert "not a state dict that torch.save wrote, or holds more than tensors" in said
    assert not trace.exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_checkpoint_with_a_matching_hash(tmp_path: Path, trace: Path, zipped: bool) -> None:
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    torch.save({"learner": Payload(trace)}, folder / "state.pt", _use_new_zipfile_serialization=zipped)
    digest = hashlib.sha256((folder / "state.pt").read_bytes()).hexdigest()
    meta = {
        "format": 1, "epochs_done": 1, "metrics": {}, "chosen_regularisation": None, "input_shape": [1, 8, 8],
        "data_fingerprint": "f", "state_sha256": digest,
    }  # fmt: skip
    tree = {"level_names": ["a"], "class_names": [["0", "1"]], "leaf_paths": [[0], [1]]}
    for name, content in (("meta", meta), ("config", {}), ("taxonomy", tree)):
        (folder / f"{name}.json").write_text(json.dumps(content))
    assert "is refused: state.pt holds more than tensors" in refusal(lambda: load_checkpoint(folder))
    assert not trace.exists()


def test_cifar_100_is_a_pickle_and_read_by_its_checksum_alone(tmp_path: Path, trace: Path) -> None:
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name in ("train", "test", "meta"):
        (folder / name).write_bytes(pickle.dumps({"data": Payload(trace), "fine_labels": [], "fine_label_names": []}))
    assert "holds no CIFAR-100, or files with wrong checksums" in refusal(
        lambda: cifar100.load(Cifar100Config(root=str(tmp_path)))
    )
    assert not trace.exists()


def test_kept_point_clouds(tmp_path: Path, trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An array in the cache that holds objects is sampled anew."""
    monkeypatch.setenv("HMLC_CACHE", str(tmp_path / "cache"))
    block = [cloud_cache.Block(np.zeros((2, 8, 3), dtype=np.float32), {})]
    shape = (2, 8, 3)
    cloud_cache.open_stored("k" * 64, shape, lambda: block)
    (kept,) = (tmp_path / "cache").rglob("*.npy")
    np.save(kept, np.array([Payload(trace)], dtype=object), allow_pickle=True)
    assert cloud_cache.open_stored("k" * 64, shape, lambda: block).clouds.shape == shape
    assert not trace.exists()


@pytest.mark.parametrize("read", [load_trial, load_sweep, from_csv, from_json])
def test_text_files(tmp_path: Path, trace: Path, read: Callable[[Path], object]) -> None:
    file = tmp_path / "file"
    for content in (
        pickle.dumps(Payload(trace)),
        pickle.dumps(Payload(trace), protocol=0),
        f"a: !!python/object/apply:os.mknod ['{trace}']\n".encode(),
        f"!!python/object/new:pathlib.Path.touch [!!python/object/new:pathlib.Path ['{trace}']]\n".encode(),
    ):
        file.write_bytes(content)
        assert refusal(lambda: read(file))
    assert not trace.exists()
