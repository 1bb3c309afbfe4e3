"""A study whose every store is a server: S3, and PostgreSQL for Optuna and MLflow. No machine's disk matters."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import boto3
import optuna
import pytest
import sqlalchemy
from mlflow.tracking import MlflowClient
from moto.server import ThreadedMotoServer
from postgres_server import PASSWORD, postgres
from sandbox import Sandbox, drain, kill_driver, wait_until

from hmlc_ray.study import schema
from hmlc_ray.tracking import with_driver

pytestmark = [
    pytest.mark.slow,
    pytest.mark.fault,
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SADeprecationWarning"),
]
TRIALS, EPOCHS = 2, 4


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """What a driver and its nodes have in their environment."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "s3-word", "AWS_DEFAULT_REGION": "us-east-1"}
    try:
        with postgres() as uri:
            engine = sqlalchemy.create_engine(with_driver(uri), isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:
                connection.execute(sqlalchemy.text("CREATE DATABASE trials"))
            engine.dispose()
            trials = uri.rpartition("/")[0] + "/trials"
            yield keys | {"AWS_ENDPOINT_URL": endpoint, "HMLC_OPTUNA_STORAGE": trials, "MLFLOW_TRACKING_URI": uri}
    finally:
        server.stop()


def bucket(environment: dict[str, str]) -> boto3.resources.base.ServiceResource:
    names = ("aws_access_key_id", "aws_secret_access_key")
    keys = {name: environment[name.upper()] for name in names}
    s3 = boto3.resource("s3", endpoint_url=environment["AWS_ENDPOINT_URL"], region_name="us-east-1", **keys)
    return s3.Bucket("results")


@pytest.mark.timeout(600)  # a stand-in for S3 and a new database, both slow where the machine is busy
def test_a_killed_study_is_resumed_by_a_machine_that_has_none_of_it(
    environment: dict[str, str], tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    results = bucket(environment)
    results.create()
    first, second = Sandbox(tmp_path / "first"), Sandbox(tmp_path / "second")
    for machine in (first, second):
        machine.folder.mkdir()
    space = first.space(trials=TRIALS, epochs=EPOCHS, scheduler="null")
    # The artifacts of a store that is opened directly lie where the first driver was told.
    environment = environment | {"HMLC_STORAGE": "s3://results/here"}
    process = first.start("sweep", space, "-o", "evaluation.every=2", env=environment)
    started.append(process)
    lines = drain(process)
    wait_until(lambda: process.poll() is not None or any("1/2 trials" in line for line in lines), "a trial's end")
    assert process.poll() is None, "".join(lines)
    kill_driver(process)
    artifacts = first.home.artifacts
    for entry in first.home.root.iterdir():
        if entry != artifacts:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    elsewhere = {name: value for name, value in environment.items() if name != "HMLC_STORAGE"}
    done = second.hmlc("resume", "small", env=elsewhere)
    assert done.returncode == 0, done.stdout + done.stderr

    client = MlflowClient(tracking_uri=with_driver(environment["MLFLOW_TRACKING_URI"]))
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs = client.search_runs(experiments, "tags.`hmlc.kind` = 'trial'")
    assert sorted(run.data.tags[schema.TRIAL_ID] for run in runs) == ["0", "1"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    for run in runs:
        steps = [point.step for point in client.get_metric_history(run.info.run_id, "train/loss")]
        assert sorted(steps) == list(range(1, EPOCHS + 1))
    url = with_driver(environment["HMLC_OPTUNA_STORAGE"])
    study = optuna.load_study(study_name="small", storage=optuna.storages.RDBStorage(url))
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * TRIALS
    study._storage.remove_session()

    assert not (second.home.root / "ray").exists()
    assert not (second.home.root / "optuna.db").exists()
    for secret in (PASSWORD, environment["AWS_SECRET_ACCESS_KEY"]):
        assert secret not in "".join(lines) + done.stdout + done.stderr
        for item in results.objects.all():
            assert secret.encode() not in item.get()["Body"].read(), item.key
        for file in [*tmp_path.rglob("*.json"), *tmp_path.rglob("*.yaml")]:
            assert secret not in file.read_text()

    best = second.hmlc("best", "small", "--json", env=elsewhere)
    assert best.returncode == 0, best.stderr
    shown = second.hmlc("status", env=elsewhere)
    assert "2/2" in shown.stdout
