"""The driver's view of its trials, against a real store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sweep_fixtures import study_context

from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import StoreAway
from hmlc_ray.home import Home
from hmlc_ray.study import progress, schema
from hmlc_ray.study.status import statuses
from hmlc_ray.study.storage import Results
from hmlc_ray.study.summary import SweepCounts
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.tune.recorder import AlreadyEnded, SessionCallback, SweepSession, activate
from hmlc_ray.sweep.tune.retention import Retention
from hmlc_ray.tracking import Tracker

STUDY = StudyConfig(name="s", num_trials=3)


class Counts:
    def __init__(self) -> None:
        self.last = SweepCounts(0)

    def update(self, counts: SweepCounts) -> None:
        self.last = counts

    def note(self, text: str) -> None:
        raise AssertionError(text)


def result(epoch: int, value: float) -> dict[str, Any]:
    metrics = {STUDY.objective_metric: value}
    history = [{"epoch": epoch, "metrics": metrics}]
    return {**metrics, "epoch": epoch, "total_epochs": 3, "history": history, "time_total_s": 1.0}


def test_a_second_driver_goes_on_and_leaves_alone_what_had_ended(
    tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = tracker.study_run("s", tags={}, params={"study.num_trials": 3})
    retention = Retention("all", "max", tracker, Results.of(None, Home.of(tmp_path)), "s")
    first = SweepSession(study_context(STUDY, tracker, Counts(), tmp_path), parent, retention)
    for number in range(3):
        first.started(number, TrialConfig(seed=number), {"seed": number})
        first.reported(number, result(1, 0.5 + number / 10))
    first.ended(0, result(1, 0.5), None)
    first.failed(1, "NonFiniteLoss: the loss became nan")
    assert first.unfinished()
    activate(first)
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    SessionCallback().on_step_begin(1, [])
    activate(None)
    seen = statuses("s", Workspace.of(tmp_path))[0]
    assert seen.counts == SweepCounts(total=3, running=1, pruned=1, failed=1)

    counts = Counts()
    second = SweepSession(study_context(STUDY, tracker, counts, tmp_path), parent, retention)
    second.look_on()
    fresh = statuses("s", Workspace.of(tmp_path))[0]
    assert (fresh.counts, fresh.interrupted) == (SweepCounts(total=3, pruned=1, failed=1), 1)
    assert second.ended_before == {0, 1}
    activate(second)
    try:
        assert AlreadyEnded()("t0", result(2, 0.9) | {"config": {"number": 0}})
        assert not AlreadyEnded()("t2", result(2, 0.9) | {"config": {"number": 2}})
    finally:
        activate(None)
    for number in range(3):  # Tune's snapshot was old: it goes on with all three
        second.started(number, TrialConfig(seed=number), {"seed": number})
        second.reported(number, result(2, 0.9))
    for number in (0, 2):
        second.ended(number, result(3, 0.9), None)

    runs = {int(run.trial_id): run for run in tracker.children(parent)}
    assert len(runs) == 3
    assert {number: run.tags["hmlc.status"] for number, run in runs.items()} == {
        0: "pruned",
        1: "failed",
        2: "completed",
    }
    assert runs[0].metrics[STUDY.objective_metric] == 0.5
    assert runs[1].tags["hmlc.error"] == "NonFiniteLoss: the loss became nan"
    assert (counts.last.completed, counts.last.pruned, counts.last.failed) == (1, 1, 1)
    assert not second.unfinished()
    second.look_on(last=True)
    by_tag = statuses("s", Workspace.of(tmp_path))[0]
    assert by_tag.best is not None
    assert (by_tag.best.number, by_tag.best.run_id) == (2, runs[2].run_id)
    tracker.finish(parent, "FINISHED")
    by_runs = statuses("s", Workspace.of(tmp_path))[0]
    assert (by_tag.counts, by_tag.best) == (by_runs.counts, by_runs.best)


def test_a_second_driver_knows_the_evaluations_that_the_first_one_logged(
    tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = tracker.study_run("s", tags={}, params={})
    retention = Retention("all", "max", tracker, Results.of(None, Home.of(tmp_path)), "s")

    def session() -> SweepSession:
        return SweepSession(study_context(study, tracker, Counts(), tmp_path), parent, retention)

    study = StudyConfig.model_validate({"name": "s", "num_trials": 3, "scheduler": {"kind": "asha"}})
    first = session()
    assert first.seen_before == {}
    every_other = TrialConfig.model_validate({"training": {"epochs": 5}, "evaluation": {"every": 2}})
    first.started(0, every_other, {})
    first.started(1, TrialConfig.model_validate({"evaluation": {"every": 1}}), {})
    first.started(2, TrialConfig(), {})
    for epoch in (2, 4, 5):
        first.reported(0, result(epoch, epoch / 10))
    first.ended(0, result(5, 0.5), None)
    # One rung, after two epochs; the base configuration has others.
    assert tracker.run(tracker.children(parent)[0].run_id).tags[schema.RUNG] == "1"
    first.reported(1, result(1, float("nan")))
    first.reported(1, result(2, 0.8))
    first.failed(1, "NonFiniteLoss: the loss became nan")
    seen = session().seen_before
    assert (seen[0], seen[2]) == ({1: 0.2, 2: 0.4, 3: 0.5}, {})
    assert seen[1] == pytest.approx({1: float("nan"), 2: 0.8}, nan_ok=True)

    def away(*_: object) -> None:
        raise StoreAway("the store is away")

    # Before Tune starts: what failed within its restore would make it throw its snapshot away.
    monkeypatch.setattr(tracker, "history", away)
    with pytest.raises(StoreAway):
        session()
