"""A sweep from its first trial to the exported encoder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sandbox import Sandbox, figures

from hmlc_ray.study import schema

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sandbox, subprocess.CompletedProcess[str]]:
    sandbox = Sandbox(tmp_path_factory.mktemp("sweep"))
    return sandbox, sandbox.hmlc("sweep", sandbox.space(trials=5, refit="{workers: 1}"))


def test_it_ends_with_a_table_and_every_run_closed(swept: tuple[Sandbox, subprocess.CompletedProcess[str]]) -> None:
    sandbox, done = swept
    assert done.returncode == 0, done.stderr
    assert "best: trial" in done.stdout
    assert "hmlc ui" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert sandbox.parent().status == "FINISHED"
    assert [run.trial_id for run in sandbox.trials()] == ["0", "1", "2", "3", "4"]
    assert {run.status for run in sandbox.trials()} == {"FINISHED"}
    assert sandbox.statuses() == sandbox.optuna_states()
    assert set(sandbox.statuses()) <= {"completed", "pruned"}
    assert "completed" in sandbox.statuses()


def test_a_run_says_what_ran(swept: tuple[Sandbox, subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    sandbox, _ = swept
    tracker = sandbox.tracker()
    for run in sandbox.trials():
        assert run.params["training.epochs"] == "3"
        assert run.params["encoder.kind"] == "mlp"
        assert {schema.VERSION, schema.SEED, schema.DATA_FINGERPRINT, "hmlc.searched"} <= run.tags.keys()
        assert json.loads(run.tags["hmlc.searched"])["objective.temperature"] == float(
            run.params["objective.temperature"]
        )
        epochs = int(run.tags["hmlc.epochs"])
        assert sandbox.steps(run, "train/loss/digit") == list(range(1, epochs + 1))
    completed = next(run for run in sandbox.trials() if run.tags[schema.STATUS] == "completed")
    folder = tracker.download(completed.run_id, "checkpoint", tmp_path)
    assert {file.name for file in folder.iterdir()} == {"config.json", "meta.json", "state.pt", "taxonomy.json"}


def test_the_refit_is_judged_once_on_test(swept: tuple[Sandbox, subprocess.CompletedProcess[str]]) -> None:
    sandbox, _ = swept
    tracker = sandbox.tracker()
    (refit,) = (run for run in tracker.children(sandbox.parent().run_id) if run.trial_id == "refit")
    assert refit.status == "FINISHED"
    assert refit.params["data.train_on"] == "train+val"
    assert refit.metrics["test/probe_top1/leaf"] > 0.8
    assert sandbox.steps(refit, "test/probe_top1/leaf") == [3]
    assert not any(name.startswith("val/") for name in refit.metrics)
    assert not any(name.startswith("test/") for run in sandbox.trials() for name in run.metrics)


def test_the_export_loads_without_this_package(swept: tuple[Sandbox, subprocess.CompletedProcess[str]]) -> None:
    sandbox, _ = swept
    folder = sandbox.home.study("small") / "encoder"
    program = """
import json, sys, torch
folder = sys.argv[1]
description = json.load(open(folder + "/config.json"))
weights = torch.load(folder + "/encoder.pt", weights_only=True)
encoder = torch.export.load(folder + "/encoder.pt2").module()
images = torch.zeros(7, *description["input_shape"])
print(len(weights), encoder(images).shape == (7, description["feature_dim"]), "hmlc_ray" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, str(folder)], capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    count, same_shape, loaded = done.stdout.split()
    assert int(count) > 0
    assert (same_shape, loaded) == ("True", "False")


def test_the_best_configuration_repeats_the_trial_to_the_last_digit(
    swept: tuple[Sandbox, subprocess.CompletedProcess[str]],
) -> None:
    sandbox, _ = swept
    best = json.loads(sandbox.here("best", "small", "--json", "--emit-config", "best.yaml").stdout)
    done = sandbox.hmlc("train", "best.yaml", "--name", "again")
    assert done.returncode == 0, done.stderr
    run_id = next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("run: "))
    tracker = sandbox.tracker()
    assert figures(tracker.run(run_id)) == figures(tracker.run(best["run_id"]))
    assert figures(tracker.run(run_id))["val/probe_top1/mean"] == best["value"]


def test_a_taken_name_and_a_complete_study_are_refused(
    swept: tuple[Sandbox, subprocess.CompletedProcess[str]],
) -> None:
    sandbox, _ = swept
    again = sandbox.here("sweep", str(sandbox.folder / "space.yaml"))
    assert again.returncode == 2
    assert "the study name 'small' is taken" in again.stderr
    assert "`hmlc resume small`" in again.stderr
    resumed = sandbox.here("resume", "small")
    assert resumed.returncode == 2
    assert "study 'small' is complete, there is nothing to resume" in resumed.stderr
    unknown = sandbox.here("resume", "smal")
    assert unknown.returncode == 2
    assert "there is no study 'smal'" in unknown.stderr
    assert len(sandbox.trials()) == 5
