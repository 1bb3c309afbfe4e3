"""What a Tracker writes, read back through MLflow itself, for every kind of store."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from hmlc_ray import __version__
from hmlc_ray.errors import TrackingError
from hmlc_ray.study import schema
from hmlc_ray.study.lookup import find_run, named_run
from hmlc_ray.tracking import Tracker, with_driver


def _trial(tracker: Tracker, parent: str, trial_id: str, **params: object) -> str:
    return tracker.trial_run(parent, trial_id, name=f"trial {trial_id}", params=params, tags={schema.SEED: 3})


def test_a_study_and_its_trials(tracker: Tracker, store: str) -> None:
    parent = tracker.study_run("first", tags={"note": "x"}, params={"study.num_trials": 2})
    other = tracker.study_run("second", tags={}, params={})
    a, b = _trial(tracker, parent, "a", temperature=0.1), _trial(tracker, parent, "b")
    assert len({parent, other, a, b}) == 4
    tracker.log(a, [(1, {"val/probe_top1/leaf": 0.5, "loss": 2.0}), (2, {"val/probe_top1/leaf": 0.75})])
    tracker.finish(a, "FINISHED", {schema.STATUS: "pruned"})
    assert [(run.trial_id, run.run_id, run.status) for run in tracker.children(parent)] == [
        ("a", a, "FINISHED"),
        ("b", b, "RUNNING"),
    ]
    assert [run.trial_id for run in tracker.unfinished(parent)] == ["b"]
    assert tracker.children(other) == []
    assert [(run.run_id, run.tags[schema.STUDY]) for run in tracker.studies()] == [(parent, "first"), (other, "second")]
    assert tracker.find_study("first") == parent
    assert tracker.find_study("third") is None
    seen = MlflowClient(with_driver(store)).get_run(a)
    assert seen.data.metrics == {"val/probe_top1/leaf": 0.75, "loss": 2.0}
    assert seen.data.params == {"temperature": "0.1"}
    expected = {
        "mlflow.parentRunId": parent,
        schema.TRIAL_ID: "a",
        schema.KIND: "trial",
        schema.SEED: "3",
        schema.VERSION: __version__,
        schema.STATUS: "pruned",
    }
    assert expected.items() <= seen.data.tags.items()
    assert seen.info.run_name == "trial a"


def test_a_resume_finds_what_there_is(tracker: Tracker, store: str, experiment: str) -> None:
    parent = tracker.study_run("study", tags={}, params={"seed": 1})
    first = _trial(tracker, parent, "a", x=1)
    resumed = Tracker.connect(store, experiment)
    assert resumed.study_run("study", tags={}, params={"seed": 1}) == parent
    assert _trial(resumed, parent, "a", x=1) == first
    assert _trial(tracker, parent, "a", x=1) == first
    new = _trial(resumed, parent, "b")
    assert [run.run_id for run in resumed.children(parent)] == [first, new]


def test_a_run_killed_before_its_params_gets_them_on_resume(tracker: Tracker, store: str, experiment: str) -> None:
    parent = tracker.study_run("study", tags={}, params={})
    run_id = _trial(tracker, parent, "a", x=1)
    assert _trial(Tracker.connect(store, experiment), parent, "a", x=1, y=2) == run_id
    assert tracker.run(run_id).params == {"x": "1", "y": "2"}


def test_an_epoch_reported_again_adds_no_point(tracker: Tracker, store: str, experiment: str) -> None:
    run_id = tracker.single_run("run", params={}, tags={})
    tracker.log(run_id, [(1, {"loss": 3.0}), (2, {"loss": 2.0}), (2, {"loss": 9.0})])
    tracker.log(run_id, [(2, {"loss": 2.5, "new": 1.0})])
    restored = Tracker.connect(store, experiment)
    restored.log(run_id, [(2, {"loss": 2.25}), (3, {"loss": 1.0})])
    client = MlflowClient(with_driver(store))
    assert [(p.step, p.value) for p in client.get_metric_history(run_id, "loss")] == [(1, 3.0), (2, 2.0), (3, 1.0)]
    assert [(p.step, p.value) for p in client.get_metric_history(run_id, "new")] == [(2, 1.0)]


def test_more_than_one_request_holds(tracker: Tracker) -> None:
    params = {f"p{i:03}": i for i in range(250)}
    run_id = tracker.single_run("wide", params=params, tags={f"t{i:03}": i for i in range(120)})
    tracker.log(run_id, [(step, {f"m{i:02}": float(step) for i in range(30)}) for step in range(50)])
    tracker.set_tags(run_id, {f"u{i:03}": i for i in range(120)})
    run = tracker.run(run_id)
    assert run.params == {name: str(value) for name, value in params.items()}
    assert run.metrics == {f"m{i:02}": 49.0 for i in range(30)}
    assert {f"{kind}{i:03}" for kind in "tu" for i in range(120)} <= set(run.tags)


def test_long_values_are_cut_and_odd_names_made_valid(tracker: Tracker) -> None:
    run_id = tracker.single_run("odd", params={"long": "x" * 7000, "a&b": 1}, tags={"long": "y" * 9000})
    tracker.log(run_id, [(0, {"val/probe_top1/fruit & veg": 0.5, "../up": 1.0, "//": 2.0, "é" * 300: 3.0})])
    run = tracker.run(run_id)
    assert run.params == {"long": "x" * 5999 + "…", "a_b": "1"}
    assert run.tags["long"] == "y" * 7999 + "…"
    assert run.metrics == {"val/probe_top1/fruit _ veg": 0.5, "up": 1.0, "_": 2.0, "é" * 250: 3.0}


def test_what_is_not_applicable_is_left_out(local: Tracker) -> None:
    run_id = local.single_run("run", params={}, tags={})
    local.log(run_id, [(1, {"a": math.nan, "b": 1.0})])
    assert local.run(run_id).metrics == {"b": 1.0}


def test_artifacts_travel_both_ways(tracker: Tracker, tmp_path: Path) -> None:
    run_id = tracker.single_run("run", params={}, tags={})
    (tmp_path / "out" / "deep").mkdir(parents=True)
    (tmp_path / "out" / "deep" / "weights.bin").write_bytes(b"\0\1")
    tracker.log_artifacts(run_id, tmp_path / "out", "checkpoint")
    tracker.log_dict(run_id, {"seed": 1}, "config.json")
    (tmp_path / "back").mkdir()
    folder = tracker.download(run_id, "checkpoint", tmp_path / "back")
    assert (folder / "deep" / "weights.bin").read_bytes() == b"\0\1"
    assert json.loads(tracker.download(run_id, "config.json", tmp_path / "back").read_text()) == {"seed": 1}


@pytest.mark.parametrize(("status", "outcome"), [("FINISHED", "completed"), ("FAILED", "failed"), ("KILLED", "killed")])
def test_every_end_says_how(local: Tracker, status: str, outcome: str) -> None:
    run_id = local.single_run("run", params={}, tags={})
    assert local.run(run_id).tags[schema.STATUS] == "running"
    local.finish(run_id, status)  # type: ignore[arg-type]
    assert (local.run(run_id).status, local.run(run_id).tags[schema.STATUS]) == (status, outcome)


def test_a_reopened_run_forgets_its_error_and_keeps_its_points(tracker: Tracker) -> None:
    parent = tracker.study_run("study", tags={}, params={})
    run_id = _trial(tracker, parent, "a")
    tracker.log(run_id, [(1, {"loss": 1.0})])
    tracker.finish(run_id, "FAILED", {schema.ERROR: "out of memory"})
    assert tracker.unfinished(parent) == []
    tracker.reopen(run_id)
    (run,) = tracker.unfinished(parent)
    assert (run.tags[schema.STATUS], schema.ERROR in run.tags, run.metrics) == ("running", False, {"loss": 1.0})
    tracker.reopen(run_id)
    tracker.finish(run_id, "FINISHED")
    assert tracker.run(run_id).status == "FINISHED"


def test_no_secret_in_what_is_shown_or_stored(tracker: Tracker) -> None:
    parent = tracker.study_run("study", tags={}, params={})
    shown = [tracker.uri, repr(tracker.run(parent))]
    with pytest.raises(TrackingError) as caught:
        tracker.run("f" * 32)
    shown += [str(caught.value)]
    assert not any("s3cr3t-word" in text for text in shown)


def test_studies_of_any_name_are_told_apart(local: Tracker) -> None:
    names = ["it's", 'so "good"', "a`b", "A`B", "50%", "50_"]
    assert len({local.study_run(name, tags={}, params={}) for name in names}) == len(names)
    assert all(local.run(local.find_study(name) or "").tags[schema.STUDY] == name for name in names)


def test_of_two_studies_of_a_name_the_newest_is_meant_everywhere(local: Tracker) -> None:
    client = MlflowClient(with_driver(local.uri))
    first = local.study_run("s", tags={}, params={})
    client.delete_run(first)
    second = local.study_run("s", tags={}, params={})
    client.restore_run(first)
    run, note = named_run("s", local)
    assert run is not None
    assert (local.find_study("s"), find_run("s", local), run.run_id, note) == (second, second, second, None)
    client.delete_run(second)
    assert (local.find_study("s"), find_run("s", local)) == (first, first)
