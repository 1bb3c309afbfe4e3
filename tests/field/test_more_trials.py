"""`hmlc resume NAME --trials N`: a study gets more trials than it was begun with."""

from __future__ import annotations

import pickle
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import optuna
import pytest
from invariants import check_sound
from mlflow.tracking import MlflowClient
from ray.tune.search import Searcher, SearchGenerator
from sandbox import Sandbox, drain, wait_until
from typer.testing import CliRunner

from hmlc_ray.cli.app import app
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.errors import StudyError
from hmlc_ray.home import Home
from hmlc_ray.study import schema
from hmlc_ray.study.best import best_trial
from hmlc_ray.study.folder import save_study
from hmlc_ray.study.lookup import find_sweep
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.status import statuses
from hmlc_ray.study.summary import TrialRow
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.extend import extend, with_trials
from hmlc_ray.sweep.finish import Conclusion, _is_exported, _refit_of, _supersede, conclude_study
from hmlc_ray.sweep.tune import search
from hmlc_ray.sweep.tune.optuna_storage import TrialStorage
from hmlc_ray.sweep.tune.patches import changed_tune
from hmlc_ray.sweep.tune.search import StudySearch
from hmlc_ray.tracking import Tracker
from hmlc_ray.training.checkpoint import Checkpoint
from hmlc_ray.training.export import write_mask_table


@pytest.mark.journey
@pytest.mark.timeout(900)  # five commands, each of which starts Ray
@pytest.mark.slow
def test_a_complete_study_goes_on_with_more_trials_as_if_it_had_had_them_from_the_start(
    sandbox: Sandbox, undisturbed: Sandbox, started: list[subprocess.Popen[str]]
) -> None:
    """Killed in the middle of them, and resumed again without a number."""
    first = sandbox.hmlc("sweep", sandbox.seeded(), "--trials", "2")
    assert first.returncode == 0, first.stderr
    check_sound(sandbox, 2, like=undisturbed)
    before = {run.trial_id: run.run_id for run in sandbox.trials()}
    refused = sandbox.hmlc("resume", "small", "--trials", "2")
    assert refused.returncode == 2
    assert "study 'small' has 2 trials: --trials must be at least 3, got 2" in refused.stderr

    process = sandbox.start("resume", "small", "--trials", "4")
    started.append(process)
    lines = drain(process)
    wait_until(lambda: sandbox.in_training() or process.poll() is not None, "a further trial in training")
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL, lines
    assert len(sandbox.trials()) > 2
    done = sandbox.hmlc("resume", "small")
    assert done.returncode == 0, done.stderr

    check_sound(sandbox, 4, like=undisturbed)
    runs = {run.trial_id: run.run_id for run in sandbox.trials()}
    assert {number: runs[number] for number in before} == before
    (status,) = statuses("small", Workspace.of(sandbox.home.root))
    assert status.counts is not None
    assert (status.state, status.counts.total, status.counts.completed) == ("complete", 4, 4)
    best, parent = best_trial("small", Workspace.of(sandbox.home.root)).row, sandbox.parent()
    assert status.best is not None
    assert parent.tags["hmlc.best_run"] == parent.tags["hmlc.encoder_run"] == best.run_id == status.best.run_id
    assert parent.metrics["val/probe_top1/mean"] == best.value
    assert find_sweep("small", Home.of(sandbox.folder / "elsewhere"), sandbox.tracker()).study.num_trials == 4


def study(tracker: Tracker, trials: int = 2, status: Any = "FINISHED") -> tuple[SweepConfig, str]:
    sweep = SweepConfig.model_validate(
        {"study": {"name": "s", "num_trials": trials}, "space": {"objective.temperature": {"float": [0.1, 1]}}}
    )
    parent = tracker.study_run("s", tags={}, params={"study.num_trials": trials})
    tracker.finish(parent, status)
    return sweep, parent


def with_number(sweep: SweepConfig, trials: int) -> SweepConfig:
    return sweep.model_copy(update={"study": sweep.study.model_copy(update={"num_trials": trials})})


def asked(sweep: SweepConfig, tracker: Tracker, trials: int | None) -> int:
    return with_trials(sweep, tracker, trials, Workspace.of(None)).study.num_trials


def test_the_number_of_trials_can_only_grow(tracker: Tracker, tmp_path: Path) -> None:
    sweep, parent = study(tracker)
    for trials in (1, 2):
        with pytest.raises(StudyError, match=f"has 2 trials: --trials must be at least 3, got {trials}"):
            asked(sweep, tracker, trials)
    with pytest.raises(StudyError, match=r"is complete.*hmlc resume s --trials 3"):
        asked(sweep, tracker, None)
    extend(with_number(sweep, asked(sweep, tracker, 5)), tracker)
    # From here on it is an interrupted study of five, whatever its saved file and its parameter say.
    assert tracker.run(parent).status == "KILLED"
    assert [asked(sweep, tracker, trials) for trials in (None, 5, 7)] == [5, 5, 7]
    with pytest.raises(StudyError, match="is to have 5 trials: --trials must be at least 5, got 4"):
        asked(sweep, tracker, 4)
    (seen,) = statuses("s", Workspace.of(tmp_path))
    assert seen.counts is not None
    assert (seen.state, seen.counts.total) == ("interrupted", 5)


def test_a_study_that_has_used_up_its_space_gets_no_more(tracker: Tracker) -> None:
    sweep, parent = study(tracker)
    tracker.set_tags(parent, {"hmlc.space_used_up": 2})
    with pytest.raises(StudyError, match="has drawn every point of its search space in 2 trials: there is"):
        asked(sweep, tracker, 9)
    with pytest.raises(StudyError, match=r"is complete.*`hmlc best s`$"):
        asked(sweep, tracker, None)


def test_tunes_snapshot_does_not_say_how_many_trials_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the searcher that Tune pickled at the start, nor the end of the search that it noted."""
    monkeypatch.setenv("HMLC_HOME", str(tmp_path))
    home = Home.of(None)
    sweep = SweepConfig.model_validate(
        {"study": {"name": "s", "num_trials": 1, "sampler": {"kind": "random"}}, "space": {"seed": {"int": [0, 99]}}}
    )
    save_study(sweep, home)
    first = StudySearch(sweep.search_space(), sweep.study, TrialStorage(sweep.study, home).open())
    assert isinstance(first.suggest("a"), dict)
    assert first.suggest("b") == Searcher.FINISHED
    pickled = pickle.dumps(first)
    save_study(with_number(sweep, 3), home)
    second = pickle.loads(pickled)
    second._orphans = []
    drawn = [second.suggest(name) for name in "bcd"]
    assert [suggestion["number"] for suggestion in drawn[:2]] == [1, 2]
    assert drawn[2] == Searcher.FINISHED

    generator = SearchGenerator(second)
    before = {"counter": 1, "total_samples": 1, "finished": True, "experiment": None}
    with changed_tune():
        generator.set_state(before)
    assert not generator.is_finished()
    generator.set_state(before)
    assert generator.is_finished()


def test_an_older_versions_snapshot_can_be_read() -> None:
    """It names the samplers, which are made anew, where they were then."""
    for name in ("_NumberedRandom", "_NumberedTpe"):
        assert issubclass(getattr(search, name), optuna.samplers.BaseSampler)


@pytest.mark.parametrize(("trials", "words"), [((), []), (("--trials", "80"), ["--trials", "80"])])
def test_a_job_is_given_the_number(trials: tuple[str, ...], words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    submitted = []

    def as_job(context: object, name: str, command: list[str], address: str | None, wait: bool) -> bool:
        submitted.append((name, command, address))
        return True

    monkeypatch.setattr("hmlc_ray.cli.sweep.as_job", as_job)
    result = CliRunner().invoke(app, ["resume", "s", "--address", "http://head:8265", *trials])
    assert result.exit_code == 0, result.output
    assert submitted == [("s", ["resume", "s", *words], "http://head:8265")]


@pytest.mark.parametrize("trials", ["0", "-3"])
def test_no_number_of_trials(trials: str) -> None:
    result = CliRunner().invoke(app, ["resume", "s", f"--trials={trials}"])
    assert result.exit_code == 2
    assert result.stderr == f"hmlc: --trials must be a number of at least 1, got {trials}\n"


def test_no_masks_of_the_former_best_trial_stay_beside_the_new_encoder(tmp_path: Path) -> None:
    table = tmp_path / "masks.csv"
    table.touch()
    assert not write_mask_table(cast(Checkpoint, SimpleNamespace(state={})), table)
    assert not table.exists()


def row(number: int, value: float, run_id: str) -> TrialRow:
    return TrialRow(number, str(number), TrialStatus.COMPLETED, value, 3, {}, run_id)


def test_the_studys_run_tells_of_the_new_best_trial_and_of_its_refit(tracker: Tracker, tmp_path: Path) -> None:
    """MLflow keeps the first value of a metric's step, so the old best's would stay."""
    sweep, parent = study(tracker)
    metric = sweep.study.objective_metric
    refits = []
    for number, value in ((1, 0.5), (1, 0.5), (7, 0.75)):
        best = row(number, value, f"run-{number}")
        trial_id, _ = _refit_of(tracker, parent, best)
        refit = tracker.trial_run(parent, trial_id, name=trial_id, params={}, tags={schema.REFIT_OF: best.run_id})
        refits.append(refit)
        tracker.finish(refit, "FINISHED")
        _supersede(tracker, parent, refit)
        conclude_study(tracker, parent, sweep.study, best, Conclusion({"test/x": value / 2}, tmp_path, refit))

    assert refits[0] == refits[1] != refits[2]
    run = tracker.run(parent)
    assert (run.metrics[metric], run.metrics["test/x"]) == (0.75, 0.375)
    assert [run.tags[f"hmlc.{name}"] for name in ("best_trial", "best_run", "encoder_run")] == ["7", "run-7", refits[2]]
    points = MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db").get_metric_history(parent, metric)
    assert [(point.step, point.value) for point in points] == [(0, 0.5), (1, 0.75)]
    assert tracker.run(refits[0]).tags["hmlc.superseded_by"] == refits[2]
    assert "hmlc.superseded_by" not in tracker.run(refits[2]).tags
    # The folder holds the encoder of the second refit, so the first is not taken for exported.
    (tmp_path / "encoder.pt").touch()
    assert not _is_exported(tracker, parent, tracker.run(refits[0]), tmp_path)
    assert _is_exported(tracker, parent, tracker.run(refits[2]), tmp_path)
