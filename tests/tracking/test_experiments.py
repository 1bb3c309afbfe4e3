"""Experiments of a store: one per data set, found together, opened as model training."""

from __future__ import annotations

import json
import re

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.tracking import MlflowClient

from hmlc_ray.errors import TrackingError
from hmlc_ray.study import schema
from hmlc_ray.study.schema import RunKind
from hmlc_ray.tracking import Tracker, with_driver
from hmlc_ray.tracking.experiments import folder_of, location_of, view_path, view_tag
from hmlc_ray.tracking.operations import DatasetFacts

FACTS = DatasetFacts(
    name="fruit", digest="f" * 64, source="/data/fruit", profile={"samples in train": 7}, shape=(3, 8, 8), dtype="uint8"
)


def experiment_of(store: str, run_id: str) -> str:
    client = MlflowClient(with_driver(store))
    return str(client.get_experiment(client.get_run(run_id).info.experiment_id).name)


def test_studies_are_found_whatever_experiment_they_are_in(tracker: Tracker, store: str, experiment: str) -> None:
    named = f"{experiment}-fruit"
    base = tracker.study_run("a", tags={}, params={})
    fruit = tracker.study_run("b", tags={}, params={}, experiment=named)
    trial = tracker.trial_run(fruit, "0", name="t", params={}, tags={}, dataset=FACTS)
    single = tracker.single_run("s", params={}, tags={}, experiment=named)
    assert [experiment_of(store, run) for run in (base, fruit, trial, single)] == [experiment, named, named, named]
    other = Tracker.connect(store, experiment)
    assert {run.run_id for run in other.studies()} == {base, fruit}
    assert (other.find_study("b"), [run.run_id for run in other.children(fruit)]) == (fruit, [trial])
    assert [run.run_id for run in other.singles()] == [single]
    # A study that has runs stays where they are, whatever it is started with.
    assert other.study_run("a", tags={}, params={}, experiment=named) == base
    assert other.trial_run(fruit, "0", name="t", params={}, tags={}) == trial
    tags = MlflowClient(with_driver(store)).get_experiment_by_name(named).tags
    assert (tags[schema.EXPERIMENT_KIND], tags[schema.EXPERIMENT_OF]) == ("custom_model_development", experiment)


def test_a_study_below_another_run_is_in_its_experiment(tracker: Tracker, store: str, experiment: str) -> None:
    suite = tracker.study_run("suite", tags={}, params={}, kind=RunKind.BENCHMARK, experiment=f"{experiment}-suite")
    study = tracker.study_run("s", tags={schema.PARENT: suite}, params={}, experiment=f"{experiment}-data")
    assert experiment_of(store, study) == f"{experiment}-suite"


def test_a_run_shows_its_data(tracker: Tracker, store: str) -> None:
    run = tracker.single_run("s", params={}, tags={})
    tracker.log_dataset(run, FACTS)
    tracker.log_dataset(run, FACTS)
    (given,) = MlflowClient(with_driver(store)).get_run(run).inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest, json.loads(given.dataset.source)) == (
        "fruit",
        "f" * 36,
        {"uri": "/data/fruit"},
    )
    assert json.loads(given.dataset.profile) == {"samples in train": 7}
    assert [(tag.key, tag.value) for tag in given.tags] == [("mlflow.data.context", "training")]


def test_an_experiment_of_an_older_version_becomes_one_of_model_training(local: Tracker, sqlite_uri: str) -> None:
    client = MlflowClient(sqlite_uri)
    name = client.get_experiment(local.experiment_id).name
    client.delete_experiment_tag(local.experiment_id, schema.EXPERIMENT_KIND)
    Tracker.connect(sqlite_uri, name)
    assert client.get_experiment(local.experiment_id).tags[schema.EXPERIMENT_KIND] == "custom_model_development"


def test_a_deleted_experiment_of_a_data_set(local: Tracker, sqlite_uri: str, experiment: str) -> None:
    client, named = MlflowClient(sqlite_uri), f"{experiment}-gone"
    study = local.study_run("s", tags={}, params={}, experiment=named)
    client.delete_experiment(client.get_run(study).info.experiment_id)
    assert local.find_study("s") is None
    with pytest.raises(TrackingError, match=f"experiment '{named}' is deleted: restore it, with all its runs, by"):
        local.study_run("t", tags={}, params={}, experiment=named)


def test_an_experiment_that_may_not_be_edited_is_refused_since_its_runs_would_be_lost(
    local: Tracker, sqlite_uri: str, experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: object) -> None:
        raise MlflowException("Permission denied", PERMISSION_DENIED)

    client, named = MlflowClient(sqlite_uri), f"{experiment}-theirs"
    client.create_experiment(named)
    monkeypatch.setattr(local._client, "set_experiment_tag", denied)
    with pytest.raises(TrackingError, match=r"(?s)-theirs' cannot be given .*Permission denied.* by study\.experiment"):
        local.study_run("s", tags={}, params={}, experiment=named)
    assert list(local.studies()) == []
    # Of the other tags none decides anything.
    client.set_experiment_tag(client.get_experiment_by_name(named).experiment_id, schema.EXPERIMENT_OF, experiment)
    assert local.find_study("s") is None
    study = local.study_run("s", tags={}, params={}, experiment=named)
    assert local.find_study("s") == study


def test_columns_are_chosen_for_the_experiment_of_a_run(local: Tracker, sqlite_uri: str, experiment: str) -> None:
    client = MlflowClient(sqlite_uri)
    study = local.study_run("s", tags={}, params={}, experiment=f"{experiment}-columns")
    local.show_columns(study, ["tags.hmlc.status", "metrics.val/probe_top1/mean"])
    tags = client.get_experiment(client.get_run(study).info.experiment_id).tags
    assert json.loads(tags["mlflow.sharedViewState.hmlc"]) == {
        "selectedColumns": ["tags.`hmlc.status`", "metrics.`val/probe_top1/mean`"]
    }


def test_a_view_fits_into_a_tag() -> None:
    ((name, text),) = view_tag([f"params.{'x' * 200}{number}" for number in range(100)]).items()
    assert (name, len(text) <= schema.MAX_EXPERIMENT_TAG) == ("mlflow.sharedViewState.hmlc", True)
    assert len(json.loads(text)["selectedColumns"]) > 5


def test_the_table_opens_in_model_training() -> None:
    assert view_path("3", has_view=False) == "/#/experiments/3/runs?workflowType=machine_learning"
    assert view_path("3", has_view=True).endswith("&viewStateShareKey=hmlc")


@pytest.mark.parametrize("name", ["../up", "a/b", "ä b", "..", "n" * 60, "", "x" * 24 + "y"])
def test_an_experiment_s_folder_is_short_and_below_the_others_whatever_its_name(name: str) -> None:
    folder = folder_of(name)
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,33}", folder)
    assert folder.strip(".")
    assert folder != folder_of(name + "z")


def test_an_ordinary_name_is_the_folder_s() -> None:
    assert [folder_of(name) for name in ("digits", "hmlc", "fruit-2.1")] == ["digits", "hmlc", "fruit-2.1"]


@pytest.mark.parametrize(
    ("base", "location"),
    [
        ("file:///home/artifacts/hmlc", "file:///home/artifacts/fruit"),
        ("s3://team/artifacts/hmlc/", "s3://team/artifacts/fruit"),
        ("s3://bucket", "s3://bucket/fruit"),
        ("s3://team/prefix", "s3://team/prefix/fruit"),
        ("s3://team/not-hmlc", "s3://team/not-hmlc/fruit"),
        ("s3://hmlc", "s3://hmlc/fruit"),
    ],
)
def test_an_experiment_s_artifacts_are_never_outside_of_the_base_s_root(base: str, location: str) -> None:
    assert location_of("fruit", "hmlc", base) == location
