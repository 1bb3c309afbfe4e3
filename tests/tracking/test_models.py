"""Encoders as registered models: no pickle in them, registered once, in no other study's model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE
from mlflow.tracking import MlflowClient

from hmlc_ray.errors import TrackingError
from hmlc_ray.study import schema
from hmlc_ray.tracking import Tracker, with_driver, writer
from hmlc_ray.tracking.model_folder import write_model
from hmlc_ray.tracking.operations import RegisterModel, SetTags
from hmlc_ray.tracking.spool import Spool

pytestmark = pytest.mark.timeout(900)  # another process imports torch and MLflow, which has 500 s
WITHOUT_PACKAGE = """
import sys
sys.modules["hmlc_ray"] = None  # importing it fails
import mlflow, numpy, torch
mlflow.set_tracking_uri(sys.argv[1])
loaded = mlflow.pytorch.load_model(f"models:/{sys.argv[2]}@best")
inputs = numpy.load(sys.argv[3])
numpy.save(sys.argv[4], loaded(torch.from_numpy(inputs)).detach().numpy())
numpy.save(sys.argv[5], mlflow.pyfunc.load_model(f"models:/{sys.argv[2]}@best").predict(inputs))
"""


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 5)).eval()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, network: torch.nn.Module) -> Path:
    folder = tmp_path_factory.mktemp("model")
    shapes = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(network, (torch.zeros(2, 3, 4, 4),), dynamic_shapes=shapes)
    torch.export.save(program, folder / "encoder.pt2")
    write_model(folder / "model", folder / "encoder.pt2", np.zeros((2, 3, 4, 4), np.float32), 5, ["torch"])
    return folder / "model"


def register(tracker: Tracker, model: Path, name: str, digest: str = "d") -> str:
    study = tracker.find_study(name) or tracker.study_run(name, tags={}, params={})
    run = tracker.trial_run(study, "refit", name="refit", params={}, tags={})
    given = {"parent": study, "digest": digest, "tags": {"k": "v"}, "text": "text"}
    version = tracker.register_model(run, model, name=name, **given)  # type: ignore[arg-type]
    assert version == tracker.run(study).tags[schema.MODEL]
    return study


@pytest.mark.slow
def test_a_registered_encoder_is_loaded_without_this_package(
    local: Tracker, sqlite_uri: str, model: Path, network: torch.nn.Module, tmp_path: Path
) -> None:
    register(local, model, "loaded")
    inputs = torch.randn(3, 3, 4, 4)
    files = [str(tmp_path / name) for name in ("inputs.npy", "loaded.npy", "predicted.npy")]
    np.save(files[0], inputs.numpy())
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", WITHOUT_PACKAGE, sqlite_uri, "loaded", *files],
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = network(inputs).detach().numpy()
    assert np.allclose(np.load(files[1]), expected, atol=1e-6)
    assert np.allclose(np.load(files[2]), expected, atol=1e-6)


def test_a_version_is_made_once_and_the_alias_is_on_the_last(tracker: Tracker, store: str, model: Path) -> None:
    client, name = MlflowClient(with_driver(store)), f"m{abs(hash(store)) % 10**8}"
    study = register(tracker, model, name)
    register(tracker, model, name)
    assert [version.version for version in client.search_model_versions(f"name = '{name}'")] == [1]
    register(tracker, model, name, digest="other")
    best = client.get_model_version_by_alias(name, "best")
    assert (str(best.version), best.tags["k"], best.description) == ("2", "v", "text")
    assert tracker.run(study).tags[schema.MODEL] == f"{name}/2"
    (run,) = tracker.children(study)
    assert (best.run_id, len(client.get_run(run.run_id).outputs.model_outputs)) == (run.run_id, 2)


def test_a_model_of_somebody_else_is_left_alone(local: Tracker, sqlite_uri: str, model: Path) -> None:
    MlflowClient(sqlite_uri).create_registered_model("theirs")
    with pytest.raises(TrackingError, match="registered model 'theirs' is not this study's"):
        register(local, model, "theirs")
    assert MlflowClient(sqlite_uri).search_model_versions("name = 'theirs'") == []


def test_nothing_waits_for_a_registry_that_is_away(
    local: Tracker, sqlite_uri: str, experiment: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> str:
        raise MlflowException("no answer", TEMPORARILY_UNAVAILABLE)

    monkeypatch.setattr(writer, "register", away)
    driving = Tracker.connect(sqlite_uri, experiment, spool=tmp_path / "spool")
    with pytest.raises(TrackingError, match="no answer"):
        register(driving, model, "away")
    study = str(driving.find_study("away"))
    driving.finish(study, "FINISHED")
    assert (driving.run(study).status, driving.refused) == ("FINISHED", None)
    assert schema.MODEL not in driving.run(study).tags
    # One that an earlier version left to be sent.
    waiting = Spool(tmp_path / "spool")
    given = {"name": "away", "parent": study, "digest": "d", "tags": {}, "description": ""}
    waiting.append(RegisterModel(run=study, folder=str(model), **given))  # type: ignore[arg-type]
    waiting.append(SetTags(run=study, tags={"behind": "it"}))
    later = Tracker.connect(sqlite_uri, experiment, spool=tmp_path / "spool")
    later.send_pending()
    later.send_again()
    assert later.run(study).tags["behind"] == "it"


def test_nothing_in_the_folder_is_a_pickle(model: Path) -> None:
    from mlflow.pytorch import _validate_pt2_archive_is_pickle_free

    _validate_pt2_archive_is_pickle_free(str(model / "data" / "model.pt2"))
    assert [file.name for file in model.rglob("*") if file.suffix in (".pkl", ".pth", ".pickle")] == []
