"""A sweep over what another distribution brings, and what is left of it where that is not installed."""

from __future__ import annotations

import json

import pytest
from plugins.packages import install_example, with_site
from plugins.test_plugins import SPACE
from sandbox import Sandbox

from hmlc_ray.study import schema

NEEDED = "needs the plug-in hmlc-example 1.2, which is not installed here: pip install hmlc-example==1.2"
ALL = {"objective.kind centroid: hmlc-example 1.2", "encoder.kind pooled: hmlc-example 1.2"} | {
    "data.kind stripes: hmlc-example 1.2"
}


@pytest.mark.journey
@pytest.mark.slow
def test_a_sweep_searches_a_plugin_and_its_results_name_it(sandbox: Sandbox) -> None:
    file = sandbox.folder / "space.yaml"
    file.write_text(SPACE.replace("sum-supcon:", "").replace("num_trials: 2", "num_trials: 1"))
    env = with_site(install_example(sandbox.folder / "site"))
    swept = sandbox.hmlc("sweep", str(file), env=env)
    assert swept.returncode == 0, swept.stdout + swept.stderr

    (trial,) = sandbox.trials("plugged")
    assert trial.tags[schema.STATUS] == "completed"
    assert 4 <= int(trial.params["objective.used_dims"]) <= 8
    for run in (trial, sandbox.parent("plugged")):
        assert {*run.tags[schema.PLUGINS].split("; ")} == ALL
    export = sandbox.home.study("plugged") / "encoder"
    described = json.loads((export / "config.json").read_text())["plugins"]
    assert {record["kind"] for record in described} == {"centroid", "pooled", "stripes"}
    assert (export / "encoder.pt2").is_file()

    status = sandbox.here("status", "plugged")
    assert status.returncode == 0, status.stderr
    for command in (["best", "plugged"], ["probe", trial.run_id]):
        refused = sandbox.here(*command)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
        assert refused.stderr.strip().endswith(NEEDED)
    resumed = sandbox.here("resume", "plugged", "--trials", "2")
    assert (resumed.returncode, resumed.stderr.count("\n")) == (2, 1), resumed.stderr
    assert "the kinds are" in resumed.stderr
    assert "no plug-in that is installed here has it" in resumed.stderr
