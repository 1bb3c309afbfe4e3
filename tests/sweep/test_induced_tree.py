"""A study on an induced tree: made before its first trial, the same for all of them and after a resume."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sandbox import Sandbox

from hmlc_ray.home import cache_folder
from hmlc_ray.study import schema
from hmlc_ray.study.schema import ENCODER
from hmlc_ray.taxonomies import from_json

SECTION = "data.taxonomy={kind: induced, levels: 3, from: confusion, training: {epochs: 1}}"


@pytest.mark.journey
@pytest.mark.slow
def test_all_trials_the_refit_and_a_resume_have_the_tree_of_the_start(sandbox: Sandbox, tmp_path: Path) -> None:
    space = sandbox.space(trials=1, epochs=1, scheduler="null", refit="{workers: 1}")
    begun = sandbox.hmlc("sweep", space, "-o", SECTION, "-o", "study.objective_metric=val/probe_top1/induced0")
    assert begun.returncode == 0, begun.stderr
    assert "the tree is induced from a first training: 1 epoch of cross-entropy at the leaves" in begun.stdout
    shutil.rmtree(cache_folder())
    resumed = sandbox.hmlc("resume", "small", "--trials", "2")
    assert resumed.returncode == 0, resumed.stderr
    assert "first training" not in resumed.stdout + resumed.stderr

    parent, tracker = sandbox.parent(), sandbox.tracker()
    tree = from_json(tracker.download(parent.run_id, "taxonomy.json", tmp_path))
    assert parent.tags[schema.TAXONOMY_DIGEST] == tree.digest
    assert (tree.num_levels, tree.num_classes[-1], tree.level_names[0]) == (3, 10, "induced0")
    runs = tracker.children(parent.run_id)
    assert sorted(run.trial_id for run in runs)[:2] == ["0", "1"]
    assert len(runs) >= 3, "two trials and the refit, by a worker group"
    (digest,) = {run.params["data.taxonomy.tree"] for run in runs}
    assert len({run.tags[schema.DATA_FINGERPRINT] for run in runs if run.trial_id.isdecimal()}) == 1
    exported = json.loads((sandbox.home.study("small") / ENCODER / "config.json").read_text(encoding="utf-8"))
    assert exported["taxonomy"] == tree.to_dict()
    file = sandbox.folder / "tree.json"
    file.write_text(json.dumps(tree.to_dict()), encoding="utf-8")
    shown = sandbox.here("data", "show", "digits", "-o", f"data.taxonomy={{kind: file, file: {file}}}", "--json")
    assert json.loads(shown.stdout)["fingerprint"] == parent.tags[schema.DATA_FINGERPRINT]
    assert digest
