"""Checkpoints: round trip, atomic replacement, damage."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import CheckpointError
from hmlc_ray.files.digests import sha256_of
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.training import checkpoint as module
from hmlc_ray.training.checkpoint import Checkpoint, EpochRecord, load_checkpoint, save_checkpoint


def make(epochs_done: int = 3) -> Checkpoint:
    return Checkpoint(
        config=TrialConfig(seed=7),
        taxonomy=Taxonomy(("a", "b"), (("x", "y"), ("0", "1", "2")), np.array([[0, 0], [1, 1], [1, 2]])),
        epochs_done=epochs_done,
        metrics={"val/probe_top1/mean": 0.1 + 0.2},
        chosen_regularisation=(0.1, 1.0),
        input_shape=(1, 8, 8),
        fingerprint="f" * 64,
        state={
            "learner": {"w": torch.arange(3.0)},
            "optimiser": {"state": {}},
            "schedule": {},
            "rng": torch.get_rng_state(),
        },
        history=(EpochRecord(1, {"train/loss": 0.1 + 0.7}, False), EpochRecord(2, {"train/loss": float("nan")}, True)),
    )


def test_round_trip_is_exact(tmp_path: Path) -> None:
    saved = make()
    save_checkpoint(tmp_path / "c", saved)
    loaded = load_checkpoint(tmp_path / "c")
    assert loaded.config == saved.config
    assert loaded.metrics == saved.metrics
    assert loaded.taxonomy.to_dict() == saved.taxonomy.to_dict()
    assert (loaded.epochs_done, loaded.chosen_regularisation, loaded.input_shape) == (3, (0.1, 1.0), (1, 8, 8))
    assert torch.equal(loaded.state["learner"]["w"], torch.arange(3.0))
    assert repr(loaded.history) == repr(saved.history)


def test_one_from_before_there_was_a_history_is_read(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", make())
    meta = tmp_path / "c" / "meta.json"
    meta.write_text(json.dumps({k: v for k, v in json.loads(meta.read_text()).items() if k != "history"}))
    assert load_checkpoint(tmp_path / "c").history == ()


def test_a_newer_checkpoint_replaces_the_older_and_leaves_nothing_behind(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", make(1))
    save_checkpoint(tmp_path / "c", make(2))
    assert load_checkpoint(tmp_path / "c").epochs_done == 2
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_a_failed_write_keeps_the_older_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path / "c", make(1))

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.torch, "save", no_space)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(tmp_path / "c", make(2))
    assert load_checkpoint(tmp_path / "c").epochs_done == 1
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_a_failed_replacement_keeps_the_older_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path / "c", make(1))
    rename, calls = os.rename, []

    def fails_once(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(os, "rename", fails_once)
    with pytest.raises(OSError, match="Input/output"):
        save_checkpoint(tmp_path / "c", make(2))
    assert load_checkpoint(tmp_path / "c").epochs_done == 1
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_damage_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is not a checkpoint: it has no meta\.json"):
        load_checkpoint(tmp_path)
    save_checkpoint(tmp_path / "c", make())
    state = tmp_path / "c" / "state.pt"
    state.write_bytes(state.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match=r"is damaged: state\.pt is missing or not what was written"):
        load_checkpoint(tmp_path / "c")
    (tmp_path / "c" / "meta.json").write_text('{"format": 99}')
    with pytest.raises(CheckpointError, match="has format 99; this version of hmlc-ray reads format 1"):
        load_checkpoint(tmp_path / "c")


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    """A state file with a class in it is refused, not run."""
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return (Path.touch, (ran,))

    save_checkpoint(tmp_path / "c", make())
    torch.save({"learner": Evil()}, tmp_path / "c" / "state.pt")
    meta = tmp_path / "c" / "meta.json"
    digest = sha256_of(tmp_path / "c" / "state.pt")
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "state_sha256": digest}))
    with pytest.raises(CheckpointError, match=r"is refused: state\.pt holds more than tensors"):
        load_checkpoint(tmp_path / "c")
    assert not ran.exists()
