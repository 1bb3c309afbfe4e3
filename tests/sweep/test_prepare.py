"""What the driver settles before trials start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.sweep.prepare import base_data, located, located_trial, with_threads


def sweep(base: dict[str, Any], cpus: float = 2) -> SweepConfig:
    trials = {"resources": {"cpus": cpus}}
    return SweepConfig.model_validate(
        {"study": {"name": "s"}, "trials": trials, "base": base, "space": {"seed": {"int": [0, 1]}}}
    )


def test_threads_are_a_workers_cpus_unless_given() -> None:
    assert with_threads(sweep({})).base["training"] == {"cpu_threads": 2}
    assert with_threads(sweep({}, cpus=0.5)).base["training"] == {"cpu_threads": 1}
    assert with_threads(sweep({"training": {"cpu_threads": 1, "epochs": 3}})).base["training"]["cpu_threads"] == 1


def test_a_relative_data_folder_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = located(sweep({"data": {"kind": "mnist", "root": "data", "limit": 500}}))
    assert found.base["data"] == {"kind": "mnist", "root": str(tmp_path / "data"), "limit": 500}
    assert located(sweep({"data": {"kind": "mnist"}})).base["data"]["root"] == str(tmp_path / "data")
    assert located(sweep({})).base == {}
    assert base_data(sweep({})).kind == "digits"


def test_files_of_the_base_become_absolute_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data = {"kind": "manifest", "file": "list.csv", "root": None}
    found = located(sweep({"data": data, "encoder": {"kind": "resnet18", "weights": "w.pt"}})).base
    assert found["data"] == {"kind": "manifest", "file": str(tmp_path / "list.csv"), "root": None}
    assert found["encoder"]["weights"] == str(tmp_path / "w.pt")
    trial = located_trial(TrialConfig.model_validate({"data": data, "encoder": {"kind": "convnet"}}))
    assert (trial.data.file, trial.data.root) == (str(tmp_path / "list.csv"), None)
