"""Reports of studies in every state that a study can be in; the store is real, the studies never ran."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from made_study import SPACE, MadeStudy, made, tree
from pages_as_read import check, specs, text_of
from typer.testing import CliRunner

from hmlc_ray.cli.app import app
from hmlc_ray.errors import ConfigError, DataError, StudyError, TrackingError
from hmlc_ray.home import Home
from hmlc_ray.report.limits import LARGEST
from hmlc_ray.report.write import FILE, write_report
from hmlc_ray.study import schema
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking import Tracker


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program of the charts, which takes seconds to bundle and is the same in all pages."""
    monkeypatch.setattr("hmlc_ray.report.page.render.vega_script", lambda: "window.vegaEmbed = null;")


@pytest.fixture
def study(tracker: Tracker, tmp_path: Path) -> MadeStudy:
    return made(tracker, tmp_path)


def report(study: MadeStudy, name: str | None = None) -> str:
    """The page of a study, or of another run of its store, without encoding samples."""
    written = write_report(name or study.name, study.workspace, embedding=False)
    assert written.file is not None
    assert written.bytes <= LARGEST
    return written.file.read_text(encoding="utf-8")


def finished(study: MadeStudy, folder: Path, *, masks: bool = True) -> str:
    """A complete study of ten trials, whose best is trial 3; gives the id of its run."""
    runs = {}
    for number in range(10):
        status = "completed" if number % 3 == 0 else "pruned"
        runs[number] = study.trial(number, status, 0.95 if number == 3 else 0.5 + number / 50)
    study.encoder(runs[3], folder / "logged", masks=masks)
    study.tracker.set_tags(study.run_id, {schema.BEST_TRIAL: 3, schema.BEST_RUN: runs[3], schema.ENCODER_RUN: runs[3]})
    study.tracker.finish(study.run_id, "FINISHED")
    return runs[3]


def test_a_complete_study(study: MadeStudy, tmp_path: Path) -> None:
    best = finished(study, tmp_path)
    root = check(report(study))
    text = text_of(root)
    assert "10 of 20 planned trials have started: 4 completed and 6 pruned." in text
    assert "The best is trial 3 with val/probe_top1/mean 0.95, 0.27 ahead of the second, trial 9" in text
    assert "level 0 95.0 % [83.5 %, 98.6 %] and level 1 94.0 %" in text  # 40 samples were judged
    assert "Only 40 samples were judged on val" in text
    assert "100.0 % of the mistakes stay under the right parent" not in text  # half of them leave it
    assert "50.0 % of the mistakes stay under the right parent" in text
    assert "its sum is level 0 4 and level 1 4" in text
    for section in ("summary", "trials", "search", "levels", "masks", "configuration", "origin", "use"):
        assert root.find(f".//section[@id='{section}']") is not None, section
    assert best in text
    assert f"hmlc best made --emit-config best.yaml --home {study.workspace.home.root}" in text


def test_a_trial_is_named_by_its_study_and_number(study: MadeStudy, tmp_path: Path) -> None:
    finished(study, tmp_path)
    out = tmp_path / "seven.html"
    written = write_report("made:7", study.workspace, out, embedding=False)
    assert study.tracker.run(written.run_id).trial_id == "7"
    assert written.run_id in text_of(check(out.read_text(encoding="utf-8")))
    with pytest.raises(StudyError, match="study 'made' has no trial 10; its trials are 0 to 9"):
        write_report("made:10", study.workspace, out)


def test_trials_that_differ_by_rounding_alone_are_the_same(study: MadeStudy) -> None:
    for number, value in enumerate([0.1 + 0.2, 0.3, 0.3]):
        study.trial(number, "completed", value)
    study.tracker.finish(study.run_id, "FINISHED")
    text = text_of(check(report(study)))
    assert "The best is trial 0 with val/probe_top1/mean 0.3, the same as the second, trial" in text
    assert "and the same as the median of 3 completed trials" in text


def test_the_ranked_table_is_best_first(study: MadeStudy, tmp_path: Path) -> None:
    finished(study, tmp_path)
    table = check(report(study)).find(".//section[@id='trials']//table")
    assert table is not None
    rows = [[("".join(cell.itertext())) for cell in row] for row in table.find("tbody")]  # type: ignore[union-attr]
    assert [row[0] for row in rows] == [str(place) for place in range(1, 11)]
    assert [row[1] for row in rows[:4]] == ["3", "9", "6", "0"]  # completed ones by value
    assert rows[4][2] == "pruned"
    assert all(cell.get("data-order") is not None for row in table.find("tbody") for cell in row)  # type: ignore[union-attr]
    assert all(heading.find("button") is not None for heading in table.iter("th") if heading.get("scope") == "col")


def test_it_is_logged_to_the_study_and_written_beside_it(study: MadeStudy, tmp_path: Path) -> None:
    finished(study, tmp_path)
    written = write_report("made", study.workspace, embedding=False)
    logged = study.tracker.download(study.run_id, written.artifact, tmp_path)
    assert written.file == study.workspace.home.study("made") / FILE
    assert logged.read_bytes() == written.file.read_bytes()
    again = write_report("made", study.workspace, tmp_path / "other.html", embedding=False)
    assert again.file == tmp_path / "other.html"
    assert again.file.stat().st_size == again.bytes


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        (None, "The study is still running"),
        ("KILLED", "was interrupted and can be resumed"),
        ("FAILED", "The study failed"),
    ],
)
def test_a_study_that_is_not_complete_says_so(study: MadeStudy, ended: Any, said: str) -> None:
    study.trial(0, "completed", 0.7)
    study.trial(1, "running", 0.6)
    if ended is not None:
        study.tracker.finish(study.run_id, ended)
    text = text_of(check(report(study)))
    assert said in text
    assert ("hmlc resume made" in text) == (ended is not None)
    assert "1 running and 1 completed" in text


def test_a_study_without_a_trial(study: MadeStudy) -> None:
    text = text_of(check(report(study)))
    assert "No trial has started yet; 20 trials are planned." in text


def test_a_study_whose_trials_all_failed(study: MadeStudy) -> None:
    for number in range(3):
        study.trial(
            number, "failed", error="NonFiniteLoss: the loss became nan" if number else "OSError: no space left"
        )
    study.tracker.finish(study.run_id, "FINISHED")
    root = check(report(study))
    text = text_of(root)
    assert "No trial is complete, so there is no best one." in text
    assert "3 trials failed, 2 with: NonFiniteLoss: the loss became nan; 1 other error" in text
    assert specs(root) == []
    assert root.find(".//section[@id='levels']") is None


def test_a_study_without_masks_or_a_checkpoint(study: MadeStudy, tmp_path: Path) -> None:
    finished(study, tmp_path, masks=False)
    assert check(report(study)).find(".//section[@id='masks']") is None


def test_a_best_trial_whose_checkpoint_was_not_kept(study: MadeStudy) -> None:
    study.trial(0, "completed", 0.7)
    text = text_of(check(report(study)))
    assert "level 0 70.0 % and level 1 69.0 %" in text  # no sample was counted, so there is no interval
    assert "No checkpoint was kept, so there is no encoder to use." in text


def test_a_tree_of_one_level(tracker: Tracker, tmp_path: Path) -> None:
    space = SPACE | {"space": {"objective.temperature": {"float": [0.05, 0.5]}}}
    study = made(tracker, tmp_path, taxonomy=tree(levels=1), space=space)
    run_id = study.trial(0, "completed", 0.8)
    study.encoder(run_id, tmp_path / "logged")
    assert "level 0 80.0 %" in text_of(check(report(study)))


def test_several_seeds_give_an_interval(study: MadeStudy) -> None:
    alike = {"objective.kind": "g-hmlc", "objective.temperature": 0.1}
    for number, value in enumerate((0.90, 0.92, 0.94)):
        study.trial(number, "completed", value, params=alike | {"seed": number})
    study.trial(3, "completed", 0.5)
    text = text_of(check(report(study)))
    assert "ran under 3 seeds" in text
    assert "level 0 92.0 % [90.0 %, 94.0 %]" in text


def test_a_value_at_the_edge_of_its_range(study: MadeStudy) -> None:
    study.trial(0, "completed", 0.9)  # temperature 0.05, 2 components
    text = text_of(check(report(study)))
    assert "The best value of objective.temperature, 0.05, lies at the edge of what was searched" in text
    assert "The best value of objective[g-hmlc].mixture_components, 2, lies at the edge" in text


def test_a_run_of_a_study_by_its_id(study: MadeStudy, tmp_path: Path) -> None:
    best = finished(study, tmp_path)
    written = write_report(best, study.workspace, tmp_path / "trial.html", embedding=False)
    text = text_of(check((tmp_path / "trial.html").read_text(encoding="utf-8")))
    assert written.run_id == best
    assert "Report of a trial, completed" in text
    assert study.tracker.download(best, written.artifact, tmp_path).is_file()


def test_a_single_run_that_failed(tracker: Tracker, tmp_path: Path) -> None:
    run_id = tracker.single_run("alone", params={"data.kind": "digits"}, tags={})
    tracker.finish(run_id, "FAILED", {schema.ERROR: "NonFiniteLoss: the loss became nan"})
    write_report(run_id, Workspace(Home.of(tmp_path)), tmp_path / "run.html", embedding=False)
    text = text_of(check((tmp_path / "run.html").read_text(encoding="utf-8")))
    assert "The run failed. NonFiniteLoss: the loss became nan" in text


def test_a_name_that_nothing_has(study: MadeStudy) -> None:
    with pytest.raises(
        StudyError, match=r"neither a study nor a benchmark nor a run 'mades' \(did you mean 'made'\?\)"
    ):
        write_report("mades", study.workspace)


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="has no MLflow store, so nothing ran there"):
        write_report("made", Workspace(Home.of(tmp_path / "empty")))
    assert not (tmp_path / "empty").exists()


def test_a_file_that_cannot_be_written(study: MadeStudy, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it is a folder"):
        write_report("made", study.workspace, tmp_path)
    with pytest.raises(ConfigError, match="there is no folder"):
        write_report("made", study.workspace, tmp_path / "missing" / "report.html")
    (tmp_path / "fruit.yaml").write_text("mine")
    with pytest.raises(ConfigError, match=r"its name must end in \.html or \.htm"):
        write_report("made", study.workspace, tmp_path / "fruit.yaml")
    assert (tmp_path / "fruit.yaml").read_text() == "mine"


def test_the_command(study: MadeStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study.trial(0, "completed", 0.9)
    monkeypatch.chdir(tmp_path)
    options = ["--no-embedding", "--home", str(study.workspace.home.root)]
    done = CliRunner().invoke(app, ["report", "made", "--out", "it.html", *options])
    assert (done.exit_code, (tmp_path / "it.html").is_file()) == (0, True), done.output
    assert f"report: {tmp_path / 'it.html'}" in done.output
    assert f"logged to MLflow: run {study.run_id}, report/report.html" in done.output
    done = CliRunner().invoke(app, ["report", "made", "--json", *options])
    values = json.loads(done.output)
    assert values["file"] == str(study.workspace.home.study("made") / FILE)
    assert values["bytes"] == Path(values["file"]).stat().st_size
    done = CliRunner().invoke(app, ["report", "other", *options])
    assert (done.exit_code, "Traceback" in done.output) == (2, False)


def test_a_store_that_does_not_take_it(study: MadeStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise TrackingError("the MLflow store cannot be used: it is read-only")

    monkeypatch.setattr(Tracker, "log_artifacts", refuse)
    notes: list[str] = []
    written = write_report("made", study.workspace, embedding=False, note=notes.append)
    assert (written.logged, written.file is not None and written.file.is_file()) == (False, True)
    assert notes == ["the report was not logged to its run: the MLflow store cannot be used: it is read-only"]


def test_a_run_whose_data_is_gone(study: MadeStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise DataError("there is no folder 'fruit'")

    finished(study, tmp_path)
    state = {"confusion": {}}
    monkeypatch.setattr("hmlc_ray.runs.encoders.checkpoint_of_run", lambda *_: SimpleNamespace(state=state))
    monkeypatch.setattr("hmlc_ray.report.content.encode.own_data", gone)
    written = write_report("made", study.workspace)
    assert written.file is not None
    text = text_of(check(written.file.read_text(encoding="utf-8")))
    assert "There is no map of samples and there are no thumbnails: there is no folder 'fruit'." in text
    assert "Confusion at level 1, val" in text
