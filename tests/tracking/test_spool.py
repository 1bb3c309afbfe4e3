"""What a store lacks because it was away: in order, once, whatever happens to the process in between."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, TEMPORARILY_UNAVAILABLE
from mlflow.tracking import MlflowClient

from hmlc_ray.errors import StoreAway, TrackingError
from hmlc_ray.study import schema
from hmlc_ray.tracking import Tracker, outbox
from hmlc_ray.tracking.operations import LogArtifacts, LogMetrics, Operation, SetTags
from hmlc_ray.tracking.spool import Spool

WRITES = ("create_run", "log_batch", "log_artifacts", "set_terminated", "update_run", "delete_tag")


class Faulty:
    """A client whose writes fail on demand: before the store has them, or after, so that nobody knows."""

    def __init__(self, client: MlflowClient, faults: Iterator[str]) -> None:
        self._client, self._faults = client, faults

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        return self._failing(method) if name in WRITES else method

    def _failing(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            fault = next(self._faults, "")
            if fault == "before":
                raise MlflowException("no answer", TEMPORARILY_UNAVAILABLE)
            done = method(*args, **kwargs)
            if fault == "after":
                raise ConnectionError("the answer was lost")
            return done

        return call


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "FIRST_PAUSE", 0.0)
    monkeypatch.setattr(outbox.time, "sleep", lambda _: None)


def tracker_of(local: Tracker, faults: Iterator[str], folder: Path, notes: list[str] | None = None) -> Tracker:
    client = Faulty(local._client, faults)
    heard = notes if notes is not None else []
    return Tracker(client, local.experiment_id, "sqlite:///x.db", Spool(folder), heard.append)  # type: ignore[arg-type]


def check_run(local: Tracker, parent: str, trial_id: str, epochs: int) -> None:
    """The run that `write` makes: once, complete and closed."""
    (run,) = (run for run in local.children(parent) if run.trial_id == trial_id)
    assert (run.status, run.tags[schema.STATUS], run.params) == ("FINISHED", "pruned", {"x": "1"})
    history = local._client.get_metric_history(run.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(step, 1.0 / step) for step in range(1, epochs + 1)]
    assert [file.path for file in local._client.list_artifacts(run.run_id, "checkpoint")] == ["checkpoint/weights"]


def steps_of(tracker: Tracker, parent: str, trial_id: str, source: Path) -> list[Callable[[], object]]:
    """A trial's life in three epochs, as the functions that write it."""
    name = {"run": ""}

    def create() -> None:
        name["run"] = tracker.trial_run(parent, trial_id, name=trial_id, params={"x": 1}, tags={})

    def epoch(step: int) -> Callable[[], None]:
        return lambda: tracker.log(name["run"], [(step, {"loss": 1.0 / step})])

    def artifacts() -> None:
        tracker.log_artifacts(name["run"], source, "checkpoint")

    def finish() -> None:
        tracker.finish(name["run"], "FINISHED", {schema.STATUS: "pruned"})

    return [create, epoch(1), epoch(2), epoch(3), artifacts, finish]


@given(
    faults=st.lists(st.sampled_from(["", "before", "after"]), max_size=25),
    crash=st.integers(0, 6),
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_fails_the_store_has_everything_once(
    local: Tracker, tmp_path: Path, faults: list[str], crash: int
) -> None:
    case = tmp_path / uuid4().hex
    (case / "source").mkdir(parents=True)
    (case / "source" / "weights").write_bytes(b"1")
    parent = local.study_run(case.name, tags={}, params={})
    source = iter(faults)
    steps = steps_of(tracker_of(local, source, case / "unsent"), parent, "a", case / "source")
    for step in steps[:crash]:
        step()
    # The process dies here; the next one repeats everything, as a restored sweep does.
    resumed = tracker_of(local, source, case / "unsent")
    for step in steps_of(resumed, parent, "a", case / "source"):
        step()
    resumed.send_pending(60)
    check_run(local, parent, "a", 3)
    assert len(local.children(parent)) == 1
    assert not (case / "unsent").exists()


def test_while_the_store_is_away_all_is_kept_and_said_once(local: Tracker, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "weights").write_bytes(b"1")
    parent = local.study_run("away", tags={}, params={})
    notes: list[str] = []
    away = tracker_of(local, iter(["before"] * 1000), tmp_path / "unsent", notes)
    for step in steps_of(away, parent, "a", tmp_path / "source"):
        step()
    (tmp_path / "source" / "weights").write_bytes(b"changed since")
    assert local.children(parent) == []
    assert len(notes) == 1
    assert "no answer" in notes[0]
    with pytest.raises(StoreAway, match=f"6 records that it lacks are kept in {tmp_path / 'unsent'}, nothing is lost"):
        away.send_pending()

    back = tracker_of(local, iter([]), tmp_path / "unsent", notes)
    back.send_pending()
    check_run(local, parent, "a", 3)
    assert notes[1] == "the MLflow store answers again: 6 records were sent"
    (run,) = local.children(parent)
    assert local.download(run.run_id, "checkpoint/weights", tmp_path).read_bytes() == b"1"


def test_a_line_that_a_crash_cut_off_is_dropped(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(SetTags(run="r", tags={"a": "1"}))
    spool.append(LogMetrics(run="r", points=(("loss", float("inf"), 1),), time=7))
    file = tmp_path / "operations.jsonl"
    whole = file.read_bytes()
    file.write_bytes(whole[:-3])
    torn = Spool(tmp_path)
    assert [operation.kind for operation, _ in torn.pending()] == ["tags"]
    torn.append(LogMetrics(run="r", points=(("loss", float("inf"), 1),), time=7))
    assert file.read_bytes() == whole
    assert json.loads(whole.splitlines()[0])["tags"] == {"a": "1"}


def test_what_is_refused_for_good_is_set_aside(local: Tracker, tmp_path: Path) -> None:
    parent = local.study_run("refused", tags={}, params={})
    run_id = local.trial_run(parent, "a", name="a", params={}, tags={})
    notes: list[str] = []
    tracker = tracker_of(local, iter(["before"]), tmp_path / "unsent", notes)
    tracker.log(run_id, [(1, {"loss": 1.0})])
    Spool(tmp_path / "unsent").append(SetTags(run=f"{parent}/never", tags={"x": "1"}))
    Spool(tmp_path / "unsent").append(SetTags(run=run_id, tags={"x": "1"}))
    resumed = tracker_of(local, iter([]), tmp_path / "unsent", notes)
    resumed.send_pending()
    assert local.run(run_id).tags["x"] == "1"
    assert local.run(run_id).metrics == {"loss": 1.0}
    assert "never" in (tmp_path / "unsent" / "refused.jsonl").read_text()
    assert any("has no run of trial never" in note for note in notes)


def test_a_refusal_is_no_absence(local: Tracker, tmp_path: Path) -> None:
    """A run that was deleted, a wrong value: waiting would not help, and the other trials go on."""
    notes: list[str] = []
    tracker = tracker_of(local, iter([]), tmp_path / "unsent", notes)
    for step in (1, 2):
        tracker.log("f" * 32, [(step, {"loss": 1.0})])
    assert len(notes) == 1  # one for each run
    tracker.send_pending()  # nothing waits
    assert [path.name for path in (tmp_path / "unsent").iterdir()] == ["refused.jsonl"]
    assert tracker.refused == tmp_path / "unsent" / "refused.jsonl"
    with pytest.raises(TrackingError) as caught:
        local.log("f" * 32, [(1, {"loss": 1.0})])
    assert not isinstance(caught.value, StoreAway)
    assert MlflowException("x", INVALID_PARAMETER_VALUE).get_http_status_code() == 400


def test_refusals_with_any_text_are_considered_again_and_a_torn_one_is_dropped(tmp_path: Path) -> None:
    kept = [SetTags(run="r", tags={"error": f"one{end}two"}) for end in ("\u2028", "\x85", "\x0b", "\n")]
    for operation in kept:
        Spool(tmp_path).refuse(operation, "its run\u2028is deleted")
    with (tmp_path / "refused.jsonl").open("ab") as file:
        file.write(b'{"kind": "tags", "ru')  # the process was killed
    Spool(tmp_path).refuse(kept[0], "again")
    found: list[Operation] = []
    Spool(tmp_path).reconsider(found.append)
    assert found == [*kept, kept[0]]


def test_refusals_of_an_older_version_are_no_error_and_not_lost_in_silence(local: Tracker, tmp_path: Path) -> None:
    """Reasons had ends of lines, and folders of artifacts were not kept."""
    run = local.single_run("r", params={}, tags={})
    lines = [SetTags(run=run, tags={"a": "1"}).model_dump_json() + "\tits reason\nin two lines\n"]
    lines.append(LogArtifacts(run=run, folder="/tmp/gone", path="x").model_dump_json() + "\tits reason\n")
    (tmp_path / "refused.jsonl").write_text("".join(lines))
    Spool(tmp_path).reconsider(local._writer.apply)
    assert local.run(run).tags["a"] == "1"
    left = (tmp_path / "refused.jsonl").read_text().splitlines()
    assert left[0] == "in two lines"
    assert left[1].endswith("is not there any more")


def test_a_full_disk_is_told(local: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    tracker = tracker_of(local, iter(["before"]), tmp_path / "unsent")
    monkeypatch.setattr("hmlc_ray.tracking.spool.os.fsync", full)
    run_id = local.single_run("full", params={}, tags={})
    with pytest.raises(TrackingError, match=r"does not answer, and .* cannot keep what it lacks: No space left"):
        tracker.log(run_id, [(1, {"loss": 1.0})])
    assert (tmp_path / "unsent" / "operations.jsonl").read_bytes() == b""


def test_artifacts_can_be_deleted(tracker: Tracker, tmp_path: Path) -> None:
    run_id = tracker.single_run("run", params={}, tags={})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "weights").write_bytes(b"1")
    tracker.log_artifacts(run_id, tmp_path / "out", "checkpoint")
    tracker.log_artifacts(run_id, tmp_path / "out", "encoder")
    tracker.drop_artifacts(run_id, "checkpoint")
    tracker.drop_artifacts(run_id, "checkpoint")
    assert [file.path for file in tracker._client.list_artifacts(run_id)] == ["encoder"]


def test_a_copied_folder_is_removed_once_it_is_sent(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "weights").write_bytes(b"1")
    spool = Spool(tmp_path / "unsent")
    spool.append(LogArtifacts(run="r", folder=str(tmp_path / "source"), path=None))
    spool.append(SetTags(run="r", tags={}))
    (first, mark), _ = spool.pending()
    assert isinstance(first, LogArtifacts)
    assert (Path(first.folder) / "weights").read_bytes() == b"1"
    spool.sent(first, mark)
    assert not Path(first.folder).exists()
    assert Spool(tmp_path / "unsent").count == 1
