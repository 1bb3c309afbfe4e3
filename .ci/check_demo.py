"""The demo's outcome, read back from its store and its output: `check_demo.py HOME OUTPUT`.

All trials recorded, none left running, an encoder that works, a report whose path is the last thing printed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from hmlc_ray.study.schema import STATUS
from hmlc_ray.tracking import Tracker

home, output = map(Path, sys.argv[1:])
tracker = Tracker.connect(f"sqlite:///{home}/mlflow.db")
studies = tracker.studies()
assert len(studies) == 1, f"{len(studies)} studies in the store, 1 expected"
children = tracker.children(studies[0].run_id)
trials = [run for run in children if run.trial_id.isdecimal()]
assert len(trials) >= 12, f"{len(trials)} trials in the store, at least 12 expected"
assert len({run.trial_id for run in children}) == len(children), "a trial has two runs"
assert studies[0].status == "FINISHED", f"the study is {studies[0].status}"
unfinished = tracker.unfinished(studies[0].run_id)
assert not unfinished, f"left open: {[run.run_id for run in unfinished]}"
(refit,) = (run for run in children if not run.trial_id.isdecimal())
leaf = refit.metrics["test/probe_top1/leaf"]
assert leaf >= 0.95, f"leaf probe on test is {leaf:.3f}, at least 0.95 expected"
last = output.read_text(encoding="utf-8").splitlines()[-1]
named = re.fullmatch(r"report: (.*) \([0-9.]+ MB\)", last)
assert named, f"the last line names no report: {last!r}"
assert Path(named[1]).read_text(encoding="utf-8").startswith("<!DOCTYPE html>"), f"{named[1]} is not a page"
pruned = sum(run.tags[STATUS] == "pruned" for run in trials)
print(f"demo: {len(trials)} trials, {pruned} of them pruned; leaf probe of the refit on test {leaf:.3f}")
