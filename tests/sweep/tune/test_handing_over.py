"""A warm process that dies between two trials, as with its node: the next one has not begun, and loses nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

SCRIPT = """
import json
import sys
from contextlib import nullcontext
import ray, ray.tune
from ray.tune.execution.tune_controller import TuneController
from hmlc_ray.sweep.tune.patches import changed_tune

own = TuneController._schedule_trial_reset
deaths = 0

def hand_over(controller, trial, *args):
    global deaths
    deaths -= 1
    if deaths >= 0:
        ray.kill(trial.temporary_state.ray_actor)
    own(controller, trial, *args)

def train(params):
    ray.tune.report({"number": params["number"]})

def completed(name, retries):
    run = ray.tune.RunConfig(
        name=name, storage_path=sys.argv[1], verbose=0, failure_config=ray.tune.FailureConfig(max_failures=retries)
    )
    space = {"number": ray.tune.grid_search([0, 1, 2, 3])}
    tuner = ray.tune.Tuner(
        train, param_space=space, tune_config=ray.tune.TuneConfig(reuse_actors=True), run_config=run
    )
    results = tuner.fit()
    return sorted(result.metrics["number"] for result in results if result.error is None)

TuneController._schedule_trial_reset = hand_over
ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, _temp_dir=sys.argv[2])
found = {}
for name, changes, retries in (("tune", nullcontext, 5), ("ours", changed_tune, 0)):
    deaths = 2
    with changes():
        found[name] = completed(name, retries)
    assert deaths <= 0, "too few processes were handed over"
print(json.dumps(found))
"""


@pytest.mark.slow
@pytest.mark.fault
def test_the_next_trial_of_a_process_that_died_is_run_by_another(tmp_path: Path) -> None:
    """Twice, without any retries. Tune alone loses trials with five: once it does not, our part can go."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are too deep for Ray's sockets
        command = [sys.executable, "-c", SCRIPT, str(tmp_path), folder]
        done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["ours"] == [0, 1, 2, 3]
    assert len(found["tune"]) < 4
