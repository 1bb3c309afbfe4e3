"""Runs that somebody deletes, and stores that refuse: the other trials go on, and nothing is lost without a word."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE, PERMISSION_DENIED
from mlflow.tracking import MlflowClient
from progress_notes import Notes
from sandbox import Sandbox, drain, suspended, trial_processes, wait_until
from sweep_fixtures import study_context

from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import StudyError, TrackingError
from hmlc_ray.home import Home
from hmlc_ray.runs.plan import RunPlan
from hmlc_ray.runs.recording import recorded
from hmlc_ray.runs.single import train_run
from hmlc_ray.study import schema
from hmlc_ray.study.best import best_trial
from hmlc_ray.study.folder import save_study
from hmlc_ray.study.leaderboard import trial_runs
from hmlc_ray.study.storage import Results
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.run import resume_sweep, run_sweep
from hmlc_ray.sweep.tune.optuna_reopen import ended_without_run, reopen_unfinished
from hmlc_ray.sweep.tune.optuna_storage import TrialStorage
from hmlc_ray.sweep.tune.recorder import Earlier, SweepSession
from hmlc_ray.sweep.tune.retention import Retention
from hmlc_ray.training.export import WEIGHTS_FILE

SWEEP = SweepConfig.model_validate({"study": {"name": "s", "num_trials": 3}, "space": {"seed": {"int": [0, 1]}}})
METRIC = SWEEP.study.objective_metric


@pytest.fixture
def home(tmp_path: Path, put_store: Callable[[Home], Home], monkeypatch: pytest.MonkeyPatch) -> Home:
    for name in ("MLFLOW_TRACKING_URI", "HMLC_OPTUNA_STORAGE"):
        monkeypatch.delenv(name, raising=False)
    return put_store(Home.of(tmp_path / "home"))


@pytest.fixture
def client(home: Home) -> MlflowClient:
    Workspace(home).open_tracker()
    return MlflowClient(home.tracking_uri)


def purge(home: Home, run_id: str) -> None:
    """What `mlflow gc` does."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(home.tracking_uri, home.artifacts.as_uri())
    store._hard_delete_run(run_id)


def interrupted(home: Home) -> tuple[str, dict[int, str], optuna.Study]:
    """A study of which trial 0 was completed, 1 pruned, and 2 is unfinished."""
    save_study(SWEEP, home)
    tracker = Workspace(home).open_tracker()
    parent = tracker.study_run("s", tags={}, params={"study.num_trials": 3})
    study = optuna.create_study(study_name="s", storage=TrialStorage(SWEEP.study, home).open(), direction="maximize")
    runs: dict[int, str] = {}
    for number, status in enumerate(("completed", "pruned", "running")):
        trial = study.ask()
        runs[number] = tracker.trial_run(parent, str(number), name=f"s-{number}", params={}, tags={})
        if status == "running":
            tracker.finish(runs[number], "KILLED")
            continue
        trial.report(0.5, 1)
        study.tell(trial, 0.5) if status == "completed" else study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        tracker.finish(runs[number], "FINISHED", {schema.STATUS: status, schema.VALUE: "0.5"})
    tracker.finish(parent, "KILLED")
    return parent, runs, study


def states(study: optuna.Study) -> list[tuple[str, float | None]]:
    return [(trial.state.name, trial.value) for trial in study.get_trials()]


def test_the_run_of_an_interrupted_study(home: Home, client: MlflowClient) -> None:
    parent, _, study = interrupted(home)
    before = states(study)
    client.delete_run(parent)
    sentence = re.escape(f"mlflow runs restore --run-id {parent}")
    with pytest.raises(StudyError, match=sentence):
        resume_sweep("s", Workspace(home), Notes())
    with pytest.raises(StudyError, match=sentence):
        best_trial("s", Workspace(home))
    assert states(study) == before
    client.restore_run(parent)
    assert reopen_unfinished(TrialStorage(SWEEP.study, home), Workspace(home).open_tracker()) == 0


@pytest.mark.parametrize("purged", [False, True])
def test_a_trial_that_ended_keeps_its_end_and_its_value(home: Home, client: MlflowClient, purged: bool) -> None:
    parent, runs, study = interrupted(home)
    before = states(study)
    for number in (0, 1):
        client.delete_run(runs[number])
        if purged:
            purge(home, runs[number])
    tracker = Workspace(home).open_tracker()
    assert reopen_unfinished(TrialStorage(SWEEP.study, home), tracker) == 0
    assert states(study) == before
    gone = ended_without_run(TrialStorage(SWEEP.study, home), trial_runs(tracker, parent))
    assert gone == {0: "completed", 1: "pruned"}
    retention = Retention("all", "max", tracker, Results.of(None, home), "s")
    context = study_context(SWEEP.study, tracker, Notes(), home.root)
    session = SweepSession(context, parent, retention, Earlier(trial_runs(tracker, parent), gone))
    assert session.ended_before == {0, 1}
    assert session.unfinished()
    session.started(2, TrialConfig(), {})
    session.ended(2, {METRIC: 0.5, "epoch": 1, "total_epochs": 1, "time_total_s": 1.0}, None)
    assert not session.unfinished()


def test_a_study_whose_run_was_purged_repeats_nothing(home: Home, client: MlflowClient) -> None:
    parent, _, study = interrupted(home)
    before = states(study)
    client.delete_run(parent)
    purge(home, parent)
    assert reopen_unfinished(TrialStorage(SWEEP.study, home), Workspace(home).open_tracker()) == 0
    assert states(study) == before
    assert ended_without_run(TrialStorage(SWEEP.study, home), []) == {0: "completed", 1: "pruned"}


def test_a_name_that_only_optuna_knows_is_taken(home: Home, client: MlflowClient) -> None:
    parent, _, _ = interrupted(home)
    client.delete_run(parent)
    for file in home.study("s").iterdir():
        file.unlink()
    with pytest.raises(StudyError, match=r"'s' is taken in Optuna's storage sqlite:///.*choose another --name"):
        run_sweep(SWEEP, Workspace.of(home.root), Notes())


def result(epoch: int) -> dict[str, Any]:
    history = [{"epoch": epoch, "metrics": {METRIC: epoch / 10}}]
    return {METRIC: epoch / 10, "epoch": epoch, "total_epochs": 2, "history": history, "time_total_s": 1.0}


@pytest.mark.parametrize("whole", [False, True], ids=["its run", "its params"])
def test_the_run_of_a_trial_that_trains(
    home: Home, client: MlflowClient, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted in mid-training, or refused from its beginning on: the other trials and the study go on."""
    notes = Notes()
    tracker = Workspace(home).open_tracker(driving="s", note=notes.note)
    parent = tracker.study_run("s", tags={}, params={})
    retention = Retention("all", "max", tracker, Results.of(None, home), "s")
    session = SweepSession(study_context(SWEEP.study, tracker, notes, home.root), parent, retention)
    create = tracker._client.create_run

    def refuses(*args: Any, **kwargs: Any) -> Any:
        if kwargs["run_name"].startswith("s-0000"):
            raise MlflowException("this name is not allowed", INVALID_PARAMETER_VALUE)
        return create(*args, **kwargs)

    with monkeypatch.context() as patch:
        if whole:
            patch.setattr(tracker._client, "create_run", refuses)
        for number in (0, 1):
            session.started(number, TrialConfig(seed=number), {"seed": number})
    if not whole:
        client.delete_run(session._runs[0])
    for number in (0, 1):
        for epoch in (1, 2):
            session.reported(number, result(epoch))
        session.ended(number, result(2), None)
    assert [run.trial_id for run in trial_runs(tracker, parent)] == ["1"]
    assert tracker.refused == home.spool("s") / "refused.jsonl"
    kept = [json.loads(line.partition("\t")[0])["kind"] for line in tracker.refused.read_text().splitlines()]
    assert kept == ["trial"] * whole + ["metrics", "metrics", "finish"]
    assert len(notes) == 1  # not one for each epoch
    if not whole:
        client.restore_run(session._runs[0])
    tracker.send_again()
    assert {run.trial_id: run.tags[schema.STATUS] for run in trial_runs(tracker, parent)} == dict.fromkeys(
        ("0", "1"), "completed"
    )
    (run,) = (run for run in trial_runs(tracker, parent) if run.trial_id == "0")
    assert tracker.history(run.run_id, METRIC) == [(1, 0.1), (2, 0.2)]
    assert not home.spool("s").exists()


def test_a_checkpoint_that_is_refused_is_kept(home: Home, client: MlflowClient, tmp_path: Path) -> None:
    tracker = Workspace(home).open_tracker(driving="s")
    run = tracker.single_run("r", params={}, tags={})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "weights").write_text("w")
    monitored = tracker._client.log_artifacts

    def refuses(*_: object) -> None:
        raise MlflowException("too large", INVALID_PARAMETER_VALUE)

    tracker._client.log_artifacts = refuses
    tracker.log_artifacts(run, tmp_path / "out", "checkpoint")
    (tmp_path / "out" / "weights").unlink()  # as retention does
    tracker._client.log_artifacts = monitored
    tracker.send_again()
    assert tracker.download(run, "checkpoint/weights", tmp_path).read_text() == "w"
    assert not home.spool("s").exists()


@pytest.mark.parametrize("reads", [True, False])
def test_what_is_forbidden_for_one_run_alone_is_set_aside(
    home: Home, client: MlflowClient, reads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be read any more, a token ran out: then all waits."""
    tracker = Workspace(home).open_tracker(driving="s")
    run = tracker.single_run("r", params={}, tags={})

    def forbids(*_: object, **__: object) -> None:
        raise MlflowException("Permission denied", PERMISSION_DENIED)

    monkeypatch.setattr(tracker._client, "log_batch", forbids)
    if not reads:
        monkeypatch.setattr(tracker._client, "get_experiment", forbids)
    tracker.log(run, [(1, {"loss": 1.0})])
    assert [path.name for path in home.spool("s").iterdir()] == ["refused.jsonl" if reads else "operations.jsonl"]


def test_a_place_of_artifacts_that_cannot_be_written_holds_up_nothing_else(
    home: Home, client: MlflowClient, tmp_path: Path
) -> None:
    tracker = Workspace(home).open_tracker(driving="s")
    run = tracker.single_run("r", params={}, tags={})
    home.artifacts.mkdir(exist_ok=True)
    (home.artifacts / "hmlc").touch()  # where a folder should be
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "weights").write_text("w")
    tracker.log_artifacts(run, tmp_path / "out", "checkpoint")
    tracker.log(run, [(1, {"loss": 1.0})])
    assert tracker.history(run, "loss") == [(1, 1.0)]
    (home.artifacts / "hmlc").unlink()
    tracker.send_again()
    assert tracker.download(run, "checkpoint/weights", tmp_path).read_text() == "w"


def test_ctrl_c_stays_one_whatever_the_store_has_against_the_end_of_the_run(home: Home, client: MlflowClient) -> None:
    tracker = Workspace(home).open_tracker()
    run = tracker.single_run("r", params={}, tags={})

    def interrupted_when_deleted() -> None:
        client.delete_run(run)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), recorded(tracker, run):
        interrupted_when_deleted()


def test_a_deleted_experiment_is_refused_with_what_restores_it(home: Home, client: MlflowClient) -> None:
    interrupted(home)
    experiment = client.get_experiment_by_name("hmlc")
    assert experiment is not None
    client.delete_experiment(experiment.experiment_id)
    with pytest.raises(TrackingError, match=f"mlflow experiments restore --experiment-id {experiment.experiment_id}"):
        resume_sweep("s", Workspace.of(home.root), Notes())


TRIAL = {
    "encoder": {"kind": "mlp", "hidden_dim": 16, "feature_dim": 8},
    "head": {"hidden_dim": 8, "embedding_dim": 4},
    "objective": {"kind": "sum-supcon"},
    "training": {"epochs": 2, "cpu_threads": 1},
    "evaluation": {"every": 1, "probe_regularisation": [0.1]},
}


def test_a_single_run_that_is_deleted_while_it_trains(home: Home, client: MlflowClient) -> None:
    class Deletes:
        epochs: tuple[int, ...] = ()

        def note(self, text: str) -> None:
            """What the data has to say is tested elsewhere."""

        def epoch(self, epoch: int, total: int, metrics: dict[str, float]) -> None:
            self.epochs = (*self.epochs, epoch)
            for run in Workspace(home).open_tracker().singles():
                client.delete_run(run.run_id)

    progress = Deletes()
    with pytest.raises(
        TrackingError, match=r"'active' state.*; the training is done: its checkpoint is .*, its enc"
    ) as told:
        train_run(RunPlan(TrialConfig.model_validate(TRIAL), "r"), Workspace.of(home.root), progress)
    assert progress.epochs == (1, 2)
    found = re.search(r"its checkpoint is (.*), its encoder (.*)$", str(told.value))
    assert found is not None
    assert (Path(found[1]) / "config.json").is_file()
    assert (Path(found[2]) / WEIGHTS_FILE).is_file()


@pytest.mark.journey
@pytest.mark.slow
def test_a_sweep_whose_trials_are_deleted_while_it_runs(sandbox: Sandbox, started: list[subprocess.Popen[str]]) -> None:
    space = Path(sandbox.space(trials=3, epochs=8, scheduler="null"))
    space.write_text(space.read_text().replace("trials: {workers: 0}", "trials: {workers: 0, max_concurrent: 1}"))
    process = sandbox.start("sweep", str(space))
    started.append(process)
    lines = drain(process)
    wait_until(
        lambda: list((sandbox.home.ray / "small").glob("*/checkpoint_*")), "the first trial's checkpoint", by=lines
    )
    # To open the store may take longer than the trial.
    with suspended(trial_processes(process.pid)):
        (first,) = sandbox.trials()
        MlflowClient(sandbox.store).delete_run(first.run_id)
    assert process.wait(timeout=400) == 0, lines
    text = " ".join(lines.whole().split())
    assert f"mlflow runs restore --run-id {first.run_id}" in text
    assert sandbox.optuna_states() == ["completed"] * 3
    assert [run.trial_id for run in sandbox.trials()] == ["1", "2"]
    MlflowClient(sandbox.store).restore_run(first.run_id)
    again = sandbox.hmlc("resume", "small")
    assert (again.returncode, "is complete" in again.stderr) == (2, True)
    assert sandbox.statuses() == ["completed"] * 3
    assert sandbox.steps(sandbox.trials()[0], "train/loss") == list(range(1, 9))
