"""Addresses: a cluster made by `ray start --head`, and addresses at which nothing answers."""

from __future__ import annotations

from collections.abc import Iterator

import nodes
import pytest
from sandbox import Sandbox, figures

from hmlc_ray.study import schema

pytestmark = pytest.mark.slow
TRIAL = """
encoder: {kind: mlp, hidden_dim: 64, feature_dim: 32}
head: {hidden_dim: 32, embedding_dim: 32}
objective: {kind: sum-supcon}
training: {epochs: 2, cpu_threads: 1}
evaluation: {every: 1, probe_regularisation: [0.1]}
"""


@pytest.fixture(scope="module")
def head() -> Iterator[str]:
    """The address of a head started as a user starts one; it ends with its own process."""
    with nodes.head(cpus=2, address=None, variables={}) as node:
        yield node.address


def test_a_single_run_on_a_started_head_is_the_run_of_this_process(sandbox: Sandbox, head: str) -> None:
    (sandbox.folder / "trial.yaml").write_text(TRIAL)
    remote = sandbox.hmlc("train", "trial.yaml", "--name", "remote", "--address", head, "--test")
    assert remote.returncode == 0, remote.stderr
    here = sandbox.hmlc("train", "trial.yaml", "--name", "here", "--test")
    assert here.returncode == 0, here.stderr
    tracker = sandbox.tracker()
    runs = [
        tracker.run(next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("run: ")))
        for done in (remote, here)
    ]
    assert [run.tags[schema.STATUS] for run in runs] == ["completed", "completed"]
    names = ("val/", "test/", "train/loss")
    assert figures(runs[0], names) == figures(runs[1], names)
    assert sandbox.steps(runs[0], "train/loss") == [1, 2]


@pytest.mark.parametrize("workers", ["2", "1:2"])
def test_two_workers_train_the_same_global_batch(sandbox: Sandbox, head: str, workers: str) -> None:
    (sandbox.folder / "trial.yaml").write_text(TRIAL)
    done = sandbox.hmlc("train", "trial.yaml", "--address", head, "--workers", workers)
    assert done.returncode == 0, done.stderr
    run_id = next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("run: "))
    run = sandbox.tracker().run(run_id)
    assert run.metrics["train/valid_anchors/digit"] == 512  # both workers' rows, two views each
    assert run.metrics["val/probe_top1/mean"] > 0.7


def test_a_trial_that_the_cluster_cannot_hold_is_refused(sandbox: Sandbox, head: str) -> None:
    space = sandbox.space()
    done = sandbox.hmlc("sweep", space, "--address", head, "-o", "trials.resources.cpus=64")
    assert done.returncode == 2
    assert "a trial needs 64 CPU, but the Ray cluster has 2" in done.stderr
    assert f"the Ray head at {head} asks for no token, so whoever reaches it can run any command" in done.stderr
    assert not (sandbox.home.study("small")).exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--address", "127.0.0.1:1"], "no Ray cluster can be reached at --address 127.0.0.1:1 (Connection refused)"),
        (["--address", "auto"], "no Ray cluster can be reached at --address auto"),
        (["--address", "nonsense"], "--address 'nonsense' is not an address; allowed are local, auto and host:port"),
        (["--address", "[::1]:1"], "no Ray cluster can be reached at --address [::1]:1 ("),
        (["--address", "http://127.0.0.1:1"], "host:port; the URL of a Jobs API is for `hmlc submit`"),
        (["--tracking-uri", "http://127.0.0.1:1"], "the MLflow store http://127.0.0.1:1 cannot be used"),
    ],
)
def test_what_cannot_be_reached_is_said_before_any_trial(
    sandbox: Sandbox, options: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")  # where `auto` looks first, whatever else runs here
    done = sandbox.here("sweep", sandbox.space(), *options)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (sandbox.home.root / "studies").exists()
