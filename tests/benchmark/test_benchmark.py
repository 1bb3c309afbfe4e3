"""A small suite with a real Ray, killed and resumed."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sandbox import Sandbox, wait_until

from hmlc_ray.study.schema import STUDY

SUITE = """
benchmark: {name: tiny, baseline: hmce, seeds: [0, 1], tuning: {trials: 2}}
trials: {max_concurrent: 1}
base:
  encoder: {kind: mlp, hidden_dim: 32, feature_dim: 16}
  head: {hidden_dim: 16, embedding_dim: 16}
  training: {epochs: 1}
  optimiser: {warmup_epochs: 0.5}
  evaluation: {every: 1, probe_regularisation: [0.1]}
space:
  optimiser.learning_rate: {float: [1e-3, 1e-2], log: true}
data:
  digits: {data: {kind: digits}}
arms:
  hmce: {objective: {kind: hmce}}
  partition: {objective: {kind: g-hmlc, mask: random, warmup_epochs: 0}}
"""


def lines(file: Path) -> list[dict[str, Any]]:
    """Those that are whole."""
    texts = file.read_text().split("\n")[:-1] if file.exists() else []
    return [json.loads(text) for text in texts]


@pytest.mark.journey
@pytest.mark.slow
def test_a_killed_suite_is_finished_by_the_same_command_with_no_run_twice(
    sandbox: Sandbox, started: list[subprocess.Popen[str]]
) -> None:
    (sandbox.folder / "suite.yaml").write_text(SUITE)
    results, out = sandbox.folder / "results.jsonl", sandbox.folder / "report"
    command = ("benchmark", "suite.yaml", "--results", str(results), "--out", str(out))
    process = sandbox.start(*command)
    started.append(process)
    wait_until(lambda: bool(lines(results)), "the first line of the results file")
    process.kill()
    process.wait()
    assert len(lines(results)) < 8
    done = sandbox.hmlc(*command)
    assert done.returncode == 0, done.stderr
    assert "partition" in done.stdout
    found = lines(results)
    assert Counter(line["phase"] for line in found) == {"trial": 4, "cell": 4}
    assert len({line["identity"] for line in found}) == 8
    tracker = sandbox.tracker()
    studies = {run.tags[STUDY]: run for run in tracker.studies()}
    runs = [child for study in studies.values() for child in tracker.children(study.run_id)]
    assert {name.partition("-")[0] for name in studies} == {"tiny.tuning", "tiny.cells"}
    assert {run.run_id for run in runs if run.status == "FINISHED"} == {line["run_id"] for line in found}
    assert len(runs) == 8
    (parent,) = {run.tags["mlflow.parentRunId"] for run in studies.values()}
    assert tracker.run(parent).status == "FINISHED"
    assert (out / "comparison.md").is_file()
    assert (out / "forest-digits-digit.svg").is_file()
    seeds = {(line["arm"], line["number"]) for line in found if line["phase"] == "cell"}
    assert seeds == {(arm, seed) for arm in ("hmce", "partition") for seed in (0, 1)}
    assert all(0 < line["metrics"]["probe_top1/digit"] <= 1 for line in found if line["phase"] == "cell")
