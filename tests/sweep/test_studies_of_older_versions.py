"""A study that an older version began is resumed to its end by this one.

`studies/begun.tar.xz` holds the home folder of a study whose driver was killed, as commit 7c66fde left it: two of four
trials complete, the third with both its checkpoints on disk, of which its driver had not heard yet. TPE, ASHA, a small
convnet on digits for two epochs. Its names of drivers were taken out, because nobody could say whether they live.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from sandbox import Sandbox

ARCHIVE = Path(__file__).parent / "studies" / "begun.tar.xz"


@pytest.fixture
def begun(sandbox: Sandbox) -> Sandbox:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(sandbox.folder, filter="data")
    return sandbox


@pytest.mark.journey
@pytest.mark.slow
def test_it_is_shown_and_resumed_to_its_end(begun: Sandbox) -> None:
    assert begun.statuses("begun") == ["completed", "completed", "running"]
    best = begun.here("best", "begun")
    assert (best.returncode, "0.7021" in best.stdout) == (0, True), best.stderr
    before = {run.trial_id: run.run_id for run in begun.trials("begun")}
    done = begun.hmlc("resume", "begun")
    assert done.returncode == 0, done.stderr
    runs = begun.trials("begun")
    assert [run.trial_id for run in runs] == ["0", "1", "2", "3"]
    assert {run.trial_id: run.run_id for run in runs[:3]} == before
    assert all(status in ("completed", "pruned") for status in begun.statuses("begun"))
    assert begun.optuna_states("begun") == begun.statuses("begun")
    assert begun.parent("begun").status == "FINISHED"
    metric = "val/probe_top1/mean"
    assert [begun.steps(run, metric) for run in runs[:3]] == [[1, 2]] * 3
    assert begun.steps(runs[3], metric)[0] == 1
