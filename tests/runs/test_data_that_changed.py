"""Calls of one process, between which data changed on disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from planted_classes import make_pairs, trial

from hmlc_ray import probe, train
from hmlc_ray.errors import CheckpointError


def test_each_call_reads_the_data_as_it_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hmlc_ray.training.export.encoder._networks", lambda *_: {})  # tracing them takes seconds
    root, home = make_pairs(tmp_path / "images"), tmp_path / "home"
    run = train(trial(root), home=home)
    assert probe(run, home=home) == {name: run.metrics[name] for name in run.metrics if name.startswith("val/")}
    for file in (root / "ash").iterdir():
        shutil.copyfile(root / "cod" / file.name, file)
    with pytest.raises(CheckpointError, match="changed since it was trained"):
        probe(run, home=home)
