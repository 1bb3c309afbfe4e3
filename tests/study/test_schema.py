"""The vocabulary of studies: what is stored stays as it is, and every status of other programs has a name here."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from mlflow.entities import RunStatus
from optuna.trial import TrialState
from ray.job_submission import JobStatus
from ray.tune.experiment import Trial as TuneTrial

from hmlc_ray.study import schema
from hmlc_ray.study.schema import RunKind, StudyStatus, TrialStatus

ROOT = Path(__file__).parents[2]
TAGS = {
    "kind", "status", "error", "version", "git_commit", "driver", "seed", "data_fingerprint", "data_place",
    "taxonomy_digest", "data_notes", "cpu_threads", "study", "num_trials", "space_used_up", "standing", "driver_seen",
    "stalled", "best_trial", "best_run", "encoder_run", "checkpoint_bytes_held", "checkpoint_bytes_freed", "trial_id",
    "searched", "value", "epochs", "seconds", "retries", "earlier_error", "checkpoint_error", "checkpoint_bytes",
    "checkpoint_folder", "weights_prefix", "weights_digest", "refit_of", "superseded_by", "plugins",
    "objective", "data", "rung", "model", "experiment_of", "encoder_digest",
}  # fmt: skip
"""Without `hmlc.`, of the stores that there are: none of them may be renamed."""
JOB_KEYS = {"JOB_STUDY": "hmlc.study", "JOB_VERSION": "hmlc.version", "JOB_HOME": "hmlc.home"} | {
    "JOB_TRACKING_URI": "hmlc.tracking_uri"
}


def constants() -> dict[str, str]:
    return {name: value for name, value in vars(schema).items() if name.isupper() and str(value).startswith("hmlc.")}


def test_tags_are_called_what_they_are_called_in_stores() -> None:
    assert constants() == {name.upper(): f"hmlc.{name}" for name in TAGS} | JOB_KEYS
    assert (schema.PARENT, schema.SOURCE_COMMIT) == ("mlflow.parentRunId", "mlflow.source.git.commit")


def test_what_else_is_stored_stays_as_it_is() -> None:
    assert {kind.name: kind.value for kind in RunKind} == {
        "BENCHMARK": "benchmark",
        "STUDY": "study",
        "TRIAL": "trial",
        "SINGLE": "single",
    }
    assert {status: status.tag for status in TrialStatus} == {
        "running": "running",
        "completed": "completed",
        "pruned": "pruned",
        "failed": "failed",
        "interrupted": "killed",
    }
    assert [*StudyStatus] == ["waiting", "running", "complete", "failed", "interrupted", "stopped", "died"]
    assert (schema.CHECKPOINT, schema.ENCODER, schema.CONFUSION) == ("checkpoint", "encoder", "confusion")
    assert schema.DIAGNOSIS == "diagnosis"
    assert (schema.SWEEP_ARTIFACT, schema.REFIT) == ("sweep.yaml", "refit")


def test_every_tag_says_who_writes_it_where_and_what() -> None:
    script = runpy.run_path(str(ROOT / "docs" / "run_tags.py"))
    of_mlflow = {name for name, value in vars(schema).items() if name.isupper() and str(value).startswith("mlflow.")}
    assert {"PARENT", "SOURCE_COMMIT", "DESCRIPTION", "EXPERIMENT_KIND"} <= of_mlflow
    assert script["tags"]().keys() == {*constants(), *of_mlflow}
    page = (ROOT / "docs" / "runs.md").read_text(encoding="utf-8")
    assert script["page"]() == page, "the vocabulary has changed: run `python docs/run_tags.py`"


def test_the_modules_that_are_said_to_write_tags_exist() -> None:
    said = runpy.run_path(str(ROOT / "docs" / "run_tags.py"))["tags"]().values()
    modules = {name for _, writer, _ in said for name in re.findall(r"`(.+?)`", writer)}
    assert modules
    assert [name for name in sorted(modules) if not (ROOT / "hmlc_ray" / name).exists()] == []


@pytest.mark.parametrize("name", RunStatus._STRING_TO_STATUS)
def test_every_status_of_mlflow_is_known(name: str) -> None:
    status = TrialStatus.of_mlflow(name)
    assert (status == TrialStatus.RUNNING) == (not RunStatus.is_terminated(RunStatus.from_string(name)))
    assert (status == TrialStatus.RUNNING) == (name in schema.MLFLOW_OPEN)
    assert TrialStatus.of_mlflow(status.mlflow) == status


@pytest.mark.parametrize("state", TrialState, ids=lambda state: state.name)
def test_every_state_of_optuna_is_known(state: TrialState) -> None:
    status = TrialStatus.of_optuna(state.name)
    assert status.has_ended == state.is_finished()
    assert TrialStatus.of_optuna(status.optuna) == status


@pytest.mark.parametrize(
    "name", [value for key, value in vars(TuneTrial).items() if key == value and isinstance(value, str)]
)
def test_every_status_of_tune_is_known(name: str) -> None:
    status = TrialStatus.of_tune(name)
    assert status.has_ended == (name in (TuneTrial.TERMINATED, TuneTrial.ERROR))
    pruned = TrialStatus.of_tune(name, pruned=True)
    assert pruned == (TrialStatus.PRUNED if name == TuneTrial.TERMINATED else status)


@pytest.mark.parametrize("status", JobStatus, ids=lambda status: status.value)
def test_every_status_of_a_job_is_known(status: JobStatus) -> None:
    found = StudyStatus.of_job(status.value)
    assert (found in (StudyStatus.WAITING, StudyStatus.RUNNING)) == (not status.is_terminal())
    assert (status.value in schema.JOB_OPEN) == (not status.is_terminal())


@pytest.mark.parametrize("status", TrialStatus)
def test_a_trial_s_status_has_a_name_everywhere(status: TrialStatus) -> None:
    assert TrialStatus.of_tag(status.tag) == status
    assert status.mlflow in RunStatus._STRING_TO_STATUS
    assert status.has_ended == TrialState[status.optuna].is_finished()
    ended = status.has_ended or status == TrialStatus.INTERRUPTED
    assert RunStatus.is_terminated(RunStatus.from_string(status.mlflow)) == ended


def test_a_run_without_a_known_status_is_running() -> None:
    assert TrialStatus.of_tag(None) == TrialStatus.of_tag("of a later version") == TrialStatus.RUNNING


@pytest.mark.parametrize("name", RunStatus._STRING_TO_STATUS)
def test_an_open_study_is_what_its_driver_is(name: str) -> None:
    by_driver = [StudyStatus.of_run(name, driver) for driver in ("alive", "unknown", "dead")]
    ended = {"FINISHED": "complete", "FAILED": "failed", "KILLED": "interrupted"}
    assert by_driver == ([ended[name]] * 3 if name in ended else ["running", "running", "died"])
