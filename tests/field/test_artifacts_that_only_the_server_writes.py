"""A store whose artifacts cannot be written from here is reported before anything is trained."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow_server import MlflowServer
from sandbox import Sandbox
from small_space import small_space

from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import TrackingError
from hmlc_ray.home import Home
from hmlc_ray.runs.plan import RunPlan
from hmlc_ray.runs.single import train_run
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.doctor import checks
from hmlc_ray.tracking import artifacts


class NoEpoch:
    def note(self, text: str) -> None:
        """What the data has to say is tested elsewhere."""

    def epoch(self, epoch: int, total: int, metrics: dict[str, float]) -> None:
        raise AssertionError("an epoch was trained")


@pytest.fixture
def home(tmp_path: Path, put_store: Callable[[Home], Home], monkeypatch: pytest.MonkeyPatch) -> Home:
    """One whose own store keeps artifacts where nothing can be written."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    home = put_store(Home.of(tmp_path / "home"))
    (tmp_path / "file").touch()
    with closing(sqlite3.connect(home.root / "mlflow.db")) as connection, connection:
        place = f"file://{tmp_path}/file/below/it"
        connection.execute("UPDATE experiments SET artifact_location = ? WHERE name = 'hmlc'", (place,))
    return home


def test_a_run_is_refused_before_its_first_epoch(home: Home) -> None:
    with pytest.raises(
        TrackingError, match=r"cannot be written to file://.*/file/below/it: .* make that folder writable"
    ):
        train_run(RunPlan(TrialConfig(), "r"), Workspace.of(home.root), NoEpoch())
    assert Workspace(home).open_tracker().singles() == []


def test_the_doctor_says_so(home: Home) -> None:
    found = checks._mlflow(Workspace(home))
    assert (found.level, "cannot be written to file://" in found.text) == ("fail", True)


def test_nothing_is_left_where_it_works(
    tmp_path: Path, put_store: Callable[[Home], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    home = put_store(Home.of(tmp_path / "home"))
    Workspace(home).open_tracker().check_artifacts()
    assert [path for path in home.artifacts.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    ("location", "remedy"),
    [
        ("s3://bucket/x", "give this machine the credentials for it, or start the server with --serve-artifacts"),
        ("/srv/artifacts", "start the server with --serve-artifacts --artifacts-destination FOLDER, and rename its"),
    ],
)
def test_each_kind_of_place_has_its_remedy(location: str, remedy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise RuntimeError("\nUnable to locate credentials\nat all")

    registry = "mlflow.store.artifact.artifact_repository_registry.get_artifact_repository"
    monkeypatch.setattr(registry, refuses)
    experiment = SimpleNamespace(artifact_location=location, name="hmlc")
    client = SimpleNamespace(get_experiment=lambda _: experiment)
    with pytest.raises(TrackingError) as caught:
        artifacts.check_writable(client, "http://me:s3cret@h:5000", "1")  # type: ignore[arg-type]
    assert f"written to {location}: Unable to locate credentials; {remedy}" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("seen", [True, False])
def test_a_folder_that_the_server_has_on_its_own_disk(
    tmp_path: Path, put_store: Callable[[Home], Home], seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root can make it here as well, so that writing alone shows nothing."""
    from mlflow.utils import rest_utils

    home = put_store(Home.of(tmp_path))
    tracker = Workspace(home, home.tracking_uri).open_tracker()
    run = tracker.single_run("r", params={}, tags={})
    listed = {"files": [{"path": artifacts._NAME}]} if seen else {"root_uri": "/srv"}
    answer = SimpleNamespace(ok=True, json=lambda: listed)
    monkeypatch.setattr(rest_utils, "http_request", lambda *_, **__: answer)
    own = tracker._client
    client = SimpleNamespace(get_run=own.get_run, log_text=own.log_text, get_experiment=own.get_experiment)
    if seen:
        artifacts.check_seen(client, "http://h:5000", run)  # type: ignore[arg-type]
    else:
        with pytest.raises(
            TrackingError, match=r"http://h:5000 does not see what is written to file:.* its own disk; st"
        ):
            artifacts.check_seen(client, "http://h:5000", run)  # type: ignore[arg-type]
    assert list(tmp_path.rglob(artifacts._NAME)) == []


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlflowServer]:
    (tmp_path / "file").touch()
    server = MlflowServer(tmp_path, str(tmp_path / "file" / "artifacts"))
    server.start()
    yield server
    server.kill()


@pytest.mark.slow
def test_a_real_server_without_proxied_artifacts(tmp_path: Path, server: MlflowServer) -> None:
    sandbox = Sandbox(tmp_path, server.uri)
    (tmp_path / "space.yaml").write_text(small_space("small"))
    refused = sandbox.hmlc("sweep", "space.yaml")
    assert refused.returncode == 2
    assert "--serve-artifacts --artifacts-destination FOLDER" in refused.stderr
    assert not (sandbox.home.root / "studies").exists()
