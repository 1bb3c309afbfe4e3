"""`hmlc compare`: runs by their ids, by `STUDY:TRIAL` and by the names of studies."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from mlflow import MlflowClient
from rich.console import Console
from typer.testing import CliRunner, Result

from hmlc_ray.cli.app import app
from hmlc_ray.cli.compare_tables import print_comparison
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.errors import StudyError
from hmlc_ray.home import Home
from hmlc_ray.study import schema
from hmlc_ray.study.best import best_trial
from hmlc_ray.study.comparison import compare_runs
from hmlc_ray.study.folder import save_study
from hmlc_ray.study.schema import RunKind
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker

VAL = {"val/probe_top1/parity": 0.9, "val/probe_top1/digit": 0.8, "val/probe_top1/leaf": 0.8}


@pytest.fixture
def runs(tracker: Tracker, tmp_path: Path) -> dict[str, str]:
    """A study of three trials, the second of which is the best and has a refit; and a single run."""
    sweep = SweepConfig.model_validate({"study": {"name": "s", "num_trials": 3}, "space": {"seed": {"int": [0, 2]}}})
    save_study(sweep, Home.of(tmp_path))
    parent = tracker.study_run("s", tags={}, params={"study.num_trials": 3})
    found = {"study": parent}
    for number, kind in enumerate(("g-hmlc", "a-hmlc", "g-hmlc")):
        searched = {"objective.temperature": number / 10, "objective.level_weights.stick0": 0.5}
        params = {"objective.kind": kind, "objective.temperature": number / 10, "seed": 0, "data.root": f"/{number}"}
        params |= {"objective.mixture_components": 4} if kind == "g-hmlc" else {}
        tags = {schema.SEARCHED: json.dumps(searched)}
        run = tracker.trial_run(parent, str(number), name=f"s-{number}", params=params, tags=tags)
        values = {name: value + number / 100 for name, value in VAL.items()}
        tracker.log(run, [(1, {**values, "val/probe_top1/mean": 0.85 + (number == 1) / 10, "train/loss": 1.0})])
        tracker.finish(run, "FINISHED", {schema.EPOCHS: 4, schema.SECONDS: 3})
        found[str(number)] = run
    refit = tracker.trial_run(parent, "refit", name="s-refit", params={"data.train_on": "train+val"}, tags={})
    tracker.log(refit, [(1, {"test/probe_top1/digit": 0.7})])
    tracker.finish(refit, "FINISHED")
    best = {schema.BEST_TRIAL: 1, schema.BEST_RUN: found["1"], schema.ENCODER_RUN: refit}
    tracker.set_tags(parent, best)
    tracker.finish(parent, "FINISHED")
    single = tracker.single_run("one", params={"objective.kind": "supcon", "seed": 0}, tags={})
    tracker.finish(single, "FAILED", {schema.ERROR: "NonFiniteLoss: the loss became nan"})
    return found | {"refit": refit, "single": single}


def hmlc(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["compare", *arguments, "--home", str(folder)])


def test_what_differs_comes_searched_first(runs: dict[str, str], tmp_path: Path) -> None:
    compared = compare_runs(["s:0", "s", runs["2"]], Workspace.of(tmp_path))
    assert [run.run_id for run in compared.runs] == [runs["0"], runs["1"], runs["2"]]
    assert [(run.trial, run.refit) for run in compared.runs] == [(0, None), (1, runs["refit"]), (2, None)]
    assert list(compared.parameters) == [
        "objective.temperature",
        "data.root",
        "objective.kind",
        "objective.mixture_components",
    ]
    assert compared.searched == ("objective.temperature",)
    assert compared.parameters["objective.mixture_components"] == ("4", None, "4")
    assert "train/loss" not in compared.metrics
    assert compared.metrics["test/probe_top1/digit"] == (None, 0.7, None)
    assert compared.difference("val/probe_top1/digit", 2) == pytest.approx(0.02)
    assert compared.difference("test/probe_top1/digit", 1) is None


def test_it_is_printed_at_any_width(runs: dict[str, str], tmp_path: Path) -> None:
    compared = compare_runs(["s:0", "s"], Workspace.of(tmp_path))
    for width in (40, 80, 160):
        console = Console(file=io.StringIO(), width=width)
        print_comparison(compared, console)
        text = console.file.getvalue()  # type: ignore[attr-defined]
        assert "(+1.00)" in text or width == 40
        assert max(len(line) for line in text.splitlines() if "run " not in line) <= width


def test_the_command_prints_tables_and_json(runs: dict[str, str], tmp_path: Path) -> None:
    result = hmlc(tmp_path, "s:1", runs["single"])
    assert result.exit_code == 0, result.output
    assert f"s:1: trial 1, run {runs['1']}, completed, 4 epochs, 3 s" in result.output
    assert f"run {runs['single']}, failed: NonFiniteLoss: the loss became nan" in result.output
    assert "81.00" in result.output
    values = json.loads(hmlc(tmp_path, "s:1", runs["study"], "--json").stdout)
    assert [run["trial"] for run in values["runs"]] == [1, 1]
    assert values["parameters"] == {}
    assert values["metrics"]["val/probe_top1/digit"] == [pytest.approx(0.81)] * 2


def test_wrong_names_are_one_sentence(runs: dict[str, str], tracker: Tracker, tmp_path: Path) -> None:
    benchmark = tracker.study_run("b", tags={}, params={}, kind=RunKind.BENCHMARK)
    for names, sentence in [
        (["s"], "a comparison needs two runs or more, got 1"),
        (["s:7", "s"], "study 's' has no trial 7; its trials are 0 to 2"),
        (["s", "0" * 32], "has neither a study nor a run '00000000000000000000000000000000'"),
        (["s", "t:1"], "has neither a study nor a run 't:1'"),
        (["s", benchmark], "is the run of a benchmark"),
    ]:
        result = hmlc(tmp_path, *names)
        assert (result.exit_code, len(result.stderr.splitlines())) == (2, 1), result.output
        assert sentence in result.stderr
    nowhere = hmlc(tmp_path / "nowhere", "s", "t")
    assert "there is no MLflow store in" in nowhere.stderr
    assert not (tmp_path / "nowhere").exists()


def test_a_trial_of_a_study_that_was_deleted_says_how_to_restore_it(
    runs: dict[str, str], tracker: Tracker, tmp_path: Path
) -> None:
    MlflowClient(tracker.uri).delete_run(runs["study"])
    found = hmlc(tmp_path, "s:0", runs["single"])
    assert found.exit_code == 2
    assert "the run of study 's' was deleted in MLflow" in found.stderr
    assert runs["study"] in found.stderr


def test_a_store_that_is_not_there_is_named_and_not_made(tmp_path: Path) -> None:
    file = tmp_path / "mistyped" / "mlflow.db"
    result = hmlc(tmp_path, "s:0", "s:1", "--tracking-uri", f"sqlite:///{file}")
    assert result.exit_code == 2
    assert f"there is no MLflow store in sqlite:///{file}, so there is nothing to compare" in result.stderr
    with pytest.raises(StudyError, match=r"there is no MLflow store in sqlite:.*, so no trial of 's' is there"):
        best_trial("s", Workspace.of(tmp_path, f"sqlite:///{file}"))
    assert not file.parent.exists()


def test_a_study_whose_trials_all_failed_says_why(tracker: Tracker, tmp_path: Path) -> None:
    sweep = SweepConfig.model_validate({"study": {"name": "f", "num_trials": 1}, "space": {"seed": {"int": [0, 2]}}})
    save_study(sweep, Home.of(tmp_path))
    run = tracker.trial_run(tracker.study_run("f", tags={}, params={}), "0", name="f-0", params={}, tags={})
    tracker.finish(run, "FAILED", {schema.ERROR: "NonFiniteLoss: the loss became nan"})
    why = r"no trial of study 'f' was completed, and 1 failed, first trial 0: NonFiniteLoss: the loss became nan"
    for find in (
        lambda: compare_runs(["f", "f"], Workspace.of(tmp_path)),
        lambda: best_trial("f", Workspace.of(tmp_path)),
    ):
        with pytest.raises(StudyError, match=why):
            find()
