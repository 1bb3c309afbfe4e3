"""The same, through a real MLflow server."""

from __future__ import annotations

from pathlib import Path

import pytest

from hmlc_ray.study import schema
from hmlc_ray.tracking import Tracker


@pytest.mark.slow
def test_a_study_through_a_server(server_uri: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tracker = Tracker.connect(server_uri, "through-a-server")
    parent = tracker.study_run("study", tags={}, params={f"p{i:03}": i for i in range(120)})
    trial = tracker.trial_run(parent, "a", name="trial a", params={"x": 1}, tags={})
    tracker.log(trial, [(step, {f"m{i:02}": 1.0 for i in range(30)}) for step in range(40)])
    resumed = Tracker.connect(server_uri, "through-a-server")
    assert resumed.study_run("study", tags={}, params={}) == parent
    assert resumed.trial_run(parent, "a", name="trial a", params={"x": 1}, tags={}) == trial
    resumed.log(trial, [(39, {"m00": 5.0}), (40, {"m00": 2.0})])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "weights.bin").write_bytes(b"\0")
    resumed.log_artifacts(trial, tmp_path / "out", "checkpoint")
    assert resumed.download(trial, "checkpoint/weights.bin", tmp_path).read_bytes() == b"\0"
    resumed.finish(trial, "FINISHED", {schema.STATUS: "pruned"})
    (run,) = resumed.children(parent)
    assert (run.status, run.tags[schema.STATUS], run.metrics["m00"]) == ("FINISHED", "pruned", 2.0)
    assert resumed.unfinished(parent) == []
    shown = "".join(capfd.readouterr()) + tracker.uri + repr(run)
    assert "s3cr3t-word" not in shown
