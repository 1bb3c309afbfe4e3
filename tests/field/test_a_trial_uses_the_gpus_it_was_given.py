"""GPUs: a trial that was given none trains on the CPU, and none of a cluster's stays idle without a word.

Ray is told of two GPUs that are not there; what torch would find is faked in every worker process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from small_space import small_space

from hmlc_ray.cli.check import sweep_lines
from hmlc_ray.compute.devices import VISIBLE, hide_gpus, resolve_device
from hmlc_ray.config.sweep import SweepConfig, load_sweep
from hmlc_ray.errors import ConfigError
from hmlc_ray.sweep.cluster.demand import concurrency
from hmlc_ray.sweep.cluster.gpus import idle_gpus

SPACES = Path(__file__).parents[2] / "search_spaces"


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two sweeps on two GPUs, of trials that are given none and one."""
    folder = tmp_path_factory.mktemp("gpus")
    env = {name: value for name, value in os.environ.items() if name not in ("MLFLOW_TRACKING_URI", *VISIBLE)}
    env |= {"RAY_AUTH_MODE": "disabled", "PYTHONPATH": os.pathsep.join(map(str, Path(__file__).parents[:2]))}
    program = [sys.executable, str(Path(__file__).with_name("pretended_gpus.py")), str(folder)]
    done = subprocess.run(program, env=env, cwd=folder, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.journey
@pytest.mark.slow
def test_trials_and_the_refit_without_a_gpu_train_on_the_cpu(swept: dict[str, Any]) -> None:
    assert swept["none"]["loops"] == [["cpu", ""]] * 3  # two trials, and the refit's worker
    assert any(note.startswith("2 of the cluster's 2 GPUs will be idle: ") for note in swept["none"]["notes"])


@pytest.mark.journey
@pytest.mark.slow
def test_each_trial_sees_its_own_gpu(swept: dict[str, Any]) -> None:
    assert swept["one"]["loops"] == [["cuda:0", "0"], ["cuda:0", "1"]]
    assert not any("idle" in note for note in swept["one"]["notes"])


def test_gpus_are_hidden_also_where_cuda_was_initialised_before(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VISIBLE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    assert resolve_device("auto") == torch.device("cuda:0")
    hide_gpus()
    assert resolve_device("auto") == torch.device("cpu")
    with pytest.raises(ConfigError, match="no CUDA device is available here"):
        resolve_device("cuda")


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["training.device=cuda"], r"training\.device is cuda, but trials\.resources\.gpus is 0"),
        (
            ["space.training.device={choice: [cpu, cuda]}"],
            r"training\.device is cuda, but trials\.resources\.gpus is 0",
        ),
        (["trials.resources.gpus=1.5"], r"must be a share of one GPU, up to 1, or a whole number, got 1\.5"),
        (["trials.resources.gpus=0.5", "trials.workers=2"], r"the 2 workers of trials\.workers cannot share a GPU"),
        (["trials.resources.gpus=0.5", "study.refit={workers: 2}"], r"the 2 workers of study\.refit\.workers cannot"),
    ],
)
def test_a_demand_that_no_trial_can_meet_is_refused(tmp_path: Path, overrides: list[str], sentence: str) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(small_space("s"))
    with pytest.raises(ConfigError, match=sentence):
        load_sweep(file, overrides)


def sweep(device: str = "auto", trials: int = 20, **values: Any) -> SweepConfig:
    study = {"name": "s", "num_trials": trials, "refit": None}
    base = {"training": {"device": device}}
    return SweepConfig.model_validate(
        {"study": study, "trials": values, "base": base, "space": {"seed": {"int": [0, 1]}}}
    )


@pytest.mark.parametrize(
    ("study", "sentence"),
    [
        (sweep(), "4 of the cluster's 4 GPUs will be idle: trials.resources.gpus is 0, so every trial trains on"),
        (sweep(resources={"gpus": 1}), None),
        (sweep(resources={"gpus": 0.25}), None),
        (sweep("cpu", resources={"gpus": 1}), "4 of the cluster's 4 GPUs will be idle: training.device is cpu"),
        (sweep(resources={"cpus": 8, "gpus": 1}), "2 of the cluster's 4 GPUs will be idle: 2 trials run at once, each "
         "takes 8 of the cluster's 16 CPUs; lower trials.resources.cpus"),
        (sweep(resources={"gpus": 2}), "2 of the cluster's 4 GPUs will be idle: a worker trains on one GPU"),
        (sweep(workers=2, resources={"gpus": 1}), None),
        (sweep(max_concurrent=3, resources={"gpus": 1}), "1 of the cluster's 4 GPUs will be idle: "
         "trials.max_concurrent is 3"),
        (sweep(trials=3, resources={"gpus": 1}), "1 of the cluster's 4 GPUs will be idle: the study has 3 trials"),
    ],
)  # fmt: skip
def test_idle_gpus_are_named_with_what_helps(study: SweepConfig, sentence: str | None) -> None:
    nodes = [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0, "GPU": 2.0}]
    found = idle_gpus(study, nodes, concurrency(study, nodes))
    assert (found is None) if sentence is None else str(found).startswith(sentence)
    assert idle_gpus(sweep(), [{"CPU": 8}], 8) is None


@pytest.mark.parametrize("file", sorted(SPACES.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_shipped_spaces_say_what_they_need(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    comment = "".join(line for line in text.splitlines() if line.startswith("#"))
    need = yaml.safe_load(text)["trials"]["resources"]
    gpus, cpus = need.get("gpus", 0), need["cpus"]
    if gpus:
        assert f"Needs {gpus} GPU and {cpus} CPUs per trial" in comment
        assert "trials.resources.gpus=0" in comment
        assert f"each trial needs: {gpus} GPU and {cpus} CPUs" in sweep_lines(load_sweep(file))
    else:
        assert "GPU" not in comment or "trials.resources.gpus=1" in comment
