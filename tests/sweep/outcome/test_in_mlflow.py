"""What MLflow's interface is given of a study, and the registered encoder in a process without this package."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from mlflow.tracking import MlflowClient
from sandbox import Sandbox

from hmlc_ray import load_encoder
from hmlc_ray.study import schema

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # of which the study may take most
BLOCKED = 'import sys\nsys.modules["hmlc_ray"] = None\n'
"""A `sitecustomize` with which this package cannot be imported."""


def artifacts(client: MlflowClient, run_id: str, path: str | None = None) -> list[str]:
    return [file.path.rpartition("/")[2] for file in client.list_artifacts(run_id, path)]


def test_a_study_describes_itself(undisturbed: Sandbox) -> None:
    client, parent = MlflowClient(undisturbed.store), undisturbed.parent()
    run = client.get_run(parent.run_id)
    experiment = client.get_experiment(run.info.experiment_id)
    assert (experiment.name, experiment.tags[schema.EXPERIMENT_KIND]) == ("digits", "custom_model_development")
    columns = json.loads(experiment.tags[schema.SHARED_VIEW_PREFIX + schema.VIEW])["selectedColumns"]
    assert {"tags.`hmlc.status`", "metrics.`val/probe_top1/digit`", "params.`objective.temperature`"} <= {*columns}
    assert (run.data.tags[schema.DATA], run.data.tags[schema.OBJECTIVE]) == ("digits", "g-hmlc, a-hmlc")
    best = run.data.tags[schema.BEST_RUN]
    text = run.data.tags[schema.DESCRIPTION]
    assert (
        f"### Best: [trial {run.data.tags[schema.BEST_TRIAL]}](#/experiments/{experiment.experiment_id}/runs/{best}"
        in text
    )
    assert 'mlflow.pytorch.load_model("models:/small@best")' in text
    (data,) = run.inputs.dataset_inputs
    counts = json.loads(data.dataset.profile)
    assert (data.dataset.name, counts["samples in test"], counts["classes of digit"]) == ("digits", 359, 10)
    assert {"leaderboard.json", "pictures", schema.SWEEP_ARTIFACT} <= {*artifacts(client, parent.run_id)}
    assert json.loads(run.data.tags[schema.LOGGED_TABLES]) == [{"path": "leaderboard.json", "type": "table"}]
    pictures = artifacts(client, parent.run_id, "pictures")
    assert {"1-history.png", "2-importances.png", "4-slices.png", "7-learning-curves.png", "views.png"} <= {*pictures}


def test_a_trial_shows_what_was_searched(undisturbed: Sandbox) -> None:
    client = MlflowClient(undisturbed.store)
    for trial in undisturbed.trials():
        run = client.get_run(trial.run_id)
        assert run.info.run_name == f"small-{int(trial.trial_id):04d} {run.data.tags[schema.OBJECTIVE]}"
        assert [*run.data.params][:3] == ["objective.kind", "objective.temperature", "objective.level_weights"]
        assert "| `objective.temperature`&emsp; | `" in run.data.tags[schema.DESCRIPTION]
        assert [given.dataset.name for given in run.inputs.dataset_inputs] == ["digits"]


@pytest.fixture
def served(undisturbed: Sandbox, tmp_path: Path) -> Iterator[str]:
    """The address of the registered encoder, served by MLflow in processes that cannot import this package."""
    (tmp_path / "sitecustomize.py").write_text(BLOCKED)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # MLflow starts `uvicorn` by its name, as in an active environment.
    (tmp_path / "uvicorn").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m uvicorn "$@"\n')
    (tmp_path / "uvicorn").chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "MLFLOW_TRACKING_URI": undisturbed.store}
    environment["PATH"] = f"{tmp_path}:{os.environ['PATH']}"
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/small@best", "--env-manager", "local"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True
        )
    try:
        end = time.monotonic() + 240
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).close()
                break
            except OSError:  # no connection yet, or no answer within the time
                assert server.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < end, (tmp_path / "log").read_text()
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(server.pid, 9)
        server.wait(timeout=60)


def test_the_registered_encoder_is_served_without_this_package(undisturbed: Sandbox, served: str) -> None:
    inputs = torch.rand(3, 1, 8, 8) * 2 - 1
    body = json.dumps({"inputs": inputs.tolist()}).encode()
    request = urllib.request.Request(served, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        given = np.array(json.load(answer)["predictions"])
    with torch.no_grad():
        expected = load_encoder("small", home=undisturbed.home.root).encoder(inputs)
    assert np.allclose(given, expected.numpy(), atol=1e-5)
