"""A suite's plan, and its trees, which are made in the process of the command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_sweeps import suite_of
from progress_notes import Notes

from hmlc_ray.benchmark import run
from hmlc_ray.benchmark.plan import plan
from hmlc_ray.benchmark.request import BenchmarkRequest
from hmlc_ray.benchmark.run import Benchmark
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.home import Home
from hmlc_ray.runs.induction import with_tree
from hmlc_ray.study.workspace import Workspace


def benchmark_of(root: Path, *, gpus: float = 0.0, device: str = "auto") -> Benchmark:
    """A suite over digits under a tree that is induced from a file of features."""
    file = root / "features.npy"
    np.save(file, np.random.default_rng(0).normal(size=(10, 4)))
    taxonomy = {"kind": "induced", "source": str(file)}
    suite = suite_of(
        data={"digits": {"data": {"kind": "digits", "taxonomy": taxonomy}}},
        base={"encoder": {"kind": "mlp"}, "training": {"epochs": 2, "device": device}},
        trials={"resources": {"cpus": 1, "gpus": gpus}},
    )
    return Benchmark(BenchmarkRequest(suite, Workspace(Home.of(root / "home"))), Notes())


def test_a_plan_trains_arms_under_their_made_trees(tmp_path: Path) -> None:
    made = plan(benchmark_of(tmp_path))
    assert {row.arm for row in made.rows} == {"hmce", "supcon"}
    assert all(row.seconds > 0 for row in made.rows)


@pytest.mark.parametrize(
    ("gpus", "device", "here"),
    [(0.0, "auto", "cpu"), (1.0, "auto", "auto"), (1.0, "cuda", "auto"), (1.0, "cpu", "cpu")],
)
def test_what_is_trained_for_a_tree_needs_no_gpu_here(
    gpus: float, device: str, here: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def made(config: TrialConfig, *rest: Any, device: str | None = None) -> TrialConfig:
        asked.append(device)
        return with_tree(config, *rest, device=device)

    monkeypatch.setattr(run, "with_tree", made)
    benchmark_of(tmp_path, gpus=gpus, device=device)
    assert asked == [here]
