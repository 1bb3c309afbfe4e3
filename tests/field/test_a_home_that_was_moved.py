"""A home folder, or the project around it, that lies elsewhere than when its studies began."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from ray.train._internal.storage import StorageContext
from ray.tune.search import Searcher, SearchGenerator
from sandbox import Sandbox, drain, wait_ended, wait_until

from hmlc_ray.config.moved import followed, followed_sweep, refuse_missing
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import ConfigError, StudyError
from hmlc_ray.home import Home
from hmlc_ray.study import schema
from hmlc_ray.study.storage import Results
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.tune.optuna_reopen import reopen_unfinished
from hmlc_ray.sweep.tune.optuna_storage import TrialStorage
from hmlc_ray.sweep.tune.patches import changed_tune
from hmlc_ray.sweep.tune.retention import Retention
from hmlc_ray.tracking import Tracker
from hmlc_ray.tracking.moving import follow_home
from hmlc_ray.tracking.operations import LogArtifacts
from hmlc_ray.tracking.spool import Spool

ELSEWHERE = """
import sys
from collections.abc import Callable
from pathlib import Path
from hmlc_ray.home import Home
from hmlc_ray.study.workspace import Workspace
home, run, out = Home.of(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
tracker = Workspace(home).open_tracker()
print(tracker.download(run, "before.json", out).read_text())
tracker.log_dict(run, {}, "after.json")
tracker.log_dict(tracker.single_run("new", params={}, tags={}), {}, "new.json")
"""


@pytest.fixture
def home(tmp_path: Path, put_store: Callable[[Home], Home], monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return put_store(Home.of(tmp_path / "old é" / "home"))


def one_run(home: Home, parent: dict[str, str] | None = None) -> str:
    """A run with an artifact, in the store of a home that is made here."""
    tracker = Workspace(home).open_tracker()
    if parent is not None:
        tracker.study_run("s", tags=parent, params={})
    run = tracker.single_run("r", params={}, tags={})
    tracker.log_dict(run, {"it": "is here"}, "before.json")
    return run


def in_another_process(home: Home, run: str, out: Path) -> str:
    """MLflow remembers within a process where the artifacts of a run are."""
    command = [sys.executable, "-c", ELSEWHERE, str(home.root), run, str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def names(home: Home) -> set[str]:
    return {path.name for path in home.root.rglob("*.json")}


@pytest.mark.parametrize("how", [shutil.move, shutil.copytree])
def test_artifacts_of_old_runs_are_found_and_new_ones_stay_in_the_new_place(
    tmp_path: Path, home: Home, how: object
) -> None:
    run = one_run(home)
    (tmp_path / "new %41").mkdir()
    new = Home.of(tmp_path / "new %41" / "home #2")
    assert callable(how)
    how(home.root, new.root)
    assert '"is here"' in in_another_process(new, run, tmp_path)
    assert names(new) == {"before.json", "after.json", "new.json"}
    assert names(home) == (set() if how is shutil.move else {"before.json"})
    assert home.root.exists() == (how is not shutil.move)
    assert new.former == [home.root]


def place_of(home: Home) -> str:
    from mlflow.tracking import MlflowClient

    found = MlflowClient(home.tracking_uri).get_experiment_by_name("hmlc")
    assert found is not None
    return str(found.artifact_location)


def test_a_link_to_the_home_changes_nothing(tmp_path: Path, home: Home) -> None:
    one_run(home)
    (tmp_path / "link").symlink_to(home.root)
    Workspace(Home.of(tmp_path / "link")).open_tracker()
    assert place_of(home) == f"{home.artifacts.as_uri()}/hmlc"
    assert home.former == []


def test_a_store_whose_driver_writes_by_another_name_of_the_folder_is_left(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is mounted elsewhere here, while another machine drives a study in it."""
    monkeypatch.setattr("hmlc_ray.tracking.moving.STALE_S", 3.0)
    elsewhere = json.dumps({"host": "another/1/1", "pid": 1, "started": 1.0})
    one_run(home, {schema.DRIVER: elsewhere})
    tracker = Workspace(home).open_tracker()
    parent = tracker.find_study("s")
    assert parent is not None
    before = place_of(home)
    beats = iter(range(10))
    monkeypatch.setattr(
        "hmlc_ray.tracking.moving.time.sleep",
        lambda _: tracker.set_tags(parent, {schema.DRIVER_SEEN: str(next(beats))}),
    )
    new = Home.of(tmp_path / "mount")
    home.root.rename(new.root)
    home.root.symlink_to(tmp_path)  # what is there now is another folder
    follow_home(new.tracking_uri, "hmlc", f"{new.artifacts.as_uri()}/hmlc")
    assert place_of(new) == before
    assert "waiting up to 3 s for a sign of life of process 1 on another, which drove a study" in caplog.text
    monkeypatch.setattr("hmlc_ray.tracking.moving.time.sleep", lambda _: None)  # no sign of life any more
    follow_home(new.tracking_uri, "hmlc", f"{new.artifacts.as_uri()}/hmlc")
    assert place_of(new) == f"{new.artifacts.as_uri()}/hmlc"


def test_a_store_beside_the_home_follows_only_what_moved(tmp_path: Path, home: Home) -> None:
    """Two homes may share a database; the artifacts of the first stay where they are."""
    uri, other = f"sqlite:///{tmp_path}/shared.db", Home.of(tmp_path / "other")
    (home.root / "mlflow.db").rename(tmp_path / "shared.db")
    tracker = Workspace(home, uri).open_tracker()
    tracker.log_dict(tracker.single_run("r", params={}, tags={}), {}, "before.json")
    shared = [f"{place.artifacts.as_uri()}/hmlc" for place in (home, other)]

    def found(by: Home) -> str:
        from mlflow.tracking import MlflowClient

        Workspace(by, uri).open_tracker()
        experiment = MlflowClient(uri).get_experiment_by_name("hmlc")
        assert experiment is not None
        return str(experiment.artifact_location)

    assert found(other) == shared[0]
    home.root.rename(other.root)
    assert found(other) == shared[1]


def test_a_store_named_by_its_file_is_that_of_the_home_it_lies_in(tmp_path: Path, home: Home) -> None:
    """Whatever other home the command has, by default ./hmlc-home."""
    one_run(home)
    other = Home.of(tmp_path / "hmlc-home")
    (other.artifacts / "hmlc").mkdir(parents=True)
    for new in (Home.of(tmp_path / "moved"), Home.of(tmp_path / "copied")):
        if new.root.name == "moved":
            home.root.rename(new.root)
        else:
            shutil.copytree(tmp_path / "moved", new.root)
        Workspace(other, new.tracking_uri).open_tracker()
        assert place_of(new) == f"{new.artifacts.as_uri()}/hmlc"


def test_a_home_that_was_copied_from_a_folder_that_cannot_be_looked_into(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another user's, for example."""
    one_run(home)
    closed, new = home.root.parent, Home.of(tmp_path / "new")
    shutil.copytree(home.root, new.root)
    stat = os.stat

    def refused(path: Any, *args: Any, **options: Any) -> os.stat_result:
        if isinstance(path, str | Path) and Path(path).is_relative_to(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, *args, **options)

    monkeypatch.setattr(os, "stat", refused)
    Workspace(new).open_tracker()
    assert place_of(new) == f"{new.artifacts.as_uri()}/hmlc"
    assert new.followed(f"{home.root}/ray/s") == f"{new.root}/ray/s"
    assert new.followed(f"{closed}/images") == f"{closed}/images"


def test_a_home_that_was_moved_into_itself(tmp_path: Path) -> None:
    home = Home.of(tmp_path / "project" / "home")
    home.root.mkdir(parents=True)
    home.note_former(tmp_path / "project")
    assert home.followed(f"{home.root}/ray/s") == f"{home.root}/ray/s"
    assert home.followed(f"{tmp_path}/project/ray/s") == f"{home.root}/ray/s"


def test_what_was_noted_as_a_path_is_looked_for_in_the_new_place(tmp_path: Path, tracker: Tracker) -> None:
    """Checkpoints of the original are never deleted by a copy."""
    results = Results.of(None, Home.of(tmp_path / "new"))
    for old in ("/gone/ray/s/3f_0", "/gone/ray/_groups/s/3f_0"):
        assert results.followed(old, "s") == old.replace("/gone", f"{tmp_path}/new")
    sweep = SweepConfig.model_validate({"study": {"name": "s"}, "space": {"seed": {"int": [0, 1]}}})
    parent = tracker.study_run("s", tags={}, params={})
    run = tracker.trial_run(
        parent, "0", name="s-0", params={}, tags={schema.CHECKPOINT_FOLDER: f"{tmp_path}/old/ray/s/3f_0"}
    )
    tracker.finish(run, "FINISHED")
    for place in ("old", "new"):
        (tmp_path / place / "ray/s/3f_0/checkpoint_000001").mkdir(parents=True)
        (tmp_path / place / "ray/s/3f_0/checkpoint_000001/state").write_text("x")
    Retention.of(sweep, results, tracker, parent).conclude(parent)
    assert [(tmp_path / place / "ray/s/3f_0/checkpoint_000001").exists() for place in ("old", "new")] == [True, False]


def test_what_waits_to_be_sent_is_sent_from_the_new_place(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_text("x")
    Spool(tmp_path / "old").append(LogArtifacts(run="r", folder=str(tmp_path / "out"), path=None))
    (tmp_path / "old").rename(tmp_path / "new")
    ((operation, _),) = Spool(tmp_path / "new").pending()
    assert isinstance(operation, LogArtifacts)
    assert (Path(operation.folder) / "file").read_text() == "x"
    assert Path(operation.folder).is_relative_to(tmp_path / "new")


def test_data_that_moved_with_the_home_is_found(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (new / "home" / "inner").mkdir(parents=True)
    (new / "data").mkdir()
    home = Home.of(new / "home")
    home.note_former(old / "home")

    def sweep(root: Path) -> SweepConfig:
        study = {"name": "s", "storage": f"{old}/home/results", "optuna_storage": f"sqlite:///{old}/home/o.db"}
        base = {"data": {"kind": "image-folder", "root": str(root)}}
        return SweepConfig.model_validate({"study": study, "base": base, "space": {"seed": {"int": [0, 1]}}})

    for inside in ("data", "home/inner"):
        found = followed_sweep(sweep(old / inside), home)
        assert found.base["data"]["root"] == str(new / inside)
        refuse_missing(found, "hmlc resume s")
        trial = TrialConfig.model_validate({"data": sweep(old / inside).base["data"]})
        assert followed(trial, home).data == TrialConfig.model_validate({"data": found.base["data"]}).data
    assert found.study.storage == f"{new}/home/results"
    assert found.study.optuna_storage == f"sqlite:///{new}/home/o.db"
    (tmp_path / "still").mkdir()
    assert followed_sweep(sweep(tmp_path / "still"), home).base["data"]["root"] == str(tmp_path / "still")
    lost = followed_sweep(sweep(old / "lost"), home)
    with pytest.raises(
        ConfigError, match=r"data.root of study 's' is '.*/old/lost', .*ln -s NEW_PLACE .*hmlc resume s"
    ):
        refuse_missing(lost, "hmlc resume s")


@pytest.mark.parametrize("where", ["home", "journal"])
def test_trials_that_stayed_behind_are_not_begun_anew(
    tmp_path: Path, tracker: Tracker, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no empty storage appears where they were."""
    monkeypatch.delenv("HMLC_OPTUNA_STORAGE", raising=False)
    places = {} if where == "home" else {"optuna_storage": f"journal://{tmp_path}/gone/o.log"}
    sweep = SweepConfig.model_validate({"study": {"name": "s", **places}, "space": {"seed": {"int": [0, 1]}}})
    parent = tracker.study_run("s", tags={}, params={})
    tracker.trial_run(parent, "0", name="s-0", params={}, tags={})
    with pytest.raises(StudyError, match=r"has no study 's', of which MLflow has 1 trial: it was moved or deleted"):
        reopen_unfinished(TrialStorage(sweep.study, Home.of(tmp_path)), tracker)
    assert not (tmp_path / "gone").exists()
    assert not (tmp_path / "optuna.db").exists()


def test_trials_that_are_drawn_after_the_move_are_kept_in_the_new_home(tmp_path: Path) -> None:
    """Tune's snapshot names the old place, for trials that it has not drawn yet too."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    storage = StorageContext(str(old), experiment_dir_name="small")
    experiment = SimpleNamespace(storage=storage, spec={"storage": storage, "num_samples": 2})
    old.rename(new)
    generator = SearchGenerator(Searcher("loss", "min"))
    with changed_tune(str(new)):
        generator.set_state({"counter": 1, "total_samples": 2, "finished": False, "experiment": experiment})
    for known in (generator._experiment.storage, generator._experiment.spec["storage"]):
        assert known.experiment_fs_path == str(new / "small")
    assert not old.exists()


SPACE = """
study: {name: small, num_trials: 2, sampler: {kind: random}}
base:
  data: {kind: image-folder, root: pictures, image_size: 8, cache: memory}
  encoder: {kind: mlp, hidden_dim: 16, feature_dim: 8}
  head: {hidden_dim: 8, embedding_dim: 4}
  objective: {kind: sum-supcon}
  training: {epochs: 8, cpu_threads: 1, global_batch_size: 16}
  evaluation: {every: 1, probe_regularisation: [0.1]}
trials: {max_concurrent: 1}
space: {objective.temperature: {float: [0.05, 0.5]}}
"""


@pytest.mark.journey
@pytest.mark.slow
def test_a_killed_study_is_resumed_in_the_moved_project(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    before, after = Sandbox(tmp_path / "a #1 %41 é?"), Sandbox(tmp_path / "b")
    for index in range(48):
        place = before.folder / "pictures" / f"c{index % 2}" / f"d{index % 4}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(index).integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / f"{index}.png")
    (before.folder / "space.yaml").write_text(SPACE)
    process = before.start("sweep", "space.yaml")
    started.append(process)
    lines = drain(process)
    # The first trial has ended, and the second is on its way. What the first has left may be deleted before that.
    study, trials = before.home.ray / "small", set[Path]()

    def second() -> bool:
        trials.update(path.parent for path in study.glob("*/checkpoint_*"))
        return len(trials) == 2

    wait_until(second, "a second trial's checkpoint", by=lines)
    process.send_signal(signal.SIGSTOP)
    below = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    wait_ended(below)  # Ray's own follow it, and a trial may be about to write
    before.folder.rename(after.folder)
    done = after.hmlc("resume", "small")
    assert done.returncode == 0, done.stderr
    assert after.statuses() == ["completed"] * 2
    assert after.optuna_states() == ["completed"] * 2
    assert not before.folder.exists()
    best = after.hmlc("best", "small", "--json")
    assert json.loads(best.stdout)["config"]["data"]["root"] == str(after.folder / "pictures")
    judged = after.hmlc("probe", after.trials()[0].run_id)
    assert judged.returncode == 0, judged.stderr
    assert {path.name for path in tmp_path.iterdir()} == {after.folder.name}
