"""The description of a study's run, and its leaderboard."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from made import LEVELS, made_rows, made_run, made_sweep

from hmlc_ray.data.base import DataSet
from hmlc_ray.home import Home
from hmlc_ray.runs.describing import searched_first, searched_table
from hmlc_ray.study.leaderboard import best_row
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.sweep.outcome.description import Outcome, describe
from hmlc_ray.sweep.outcome.leaderboard import write_leaderboard
from hmlc_ray.tracking import TrialRun
from hmlc_ray.tracking.drivers import JOB_VARIABLE


def outcome(runs: list[TrialRun], folder: Path, levels: tuple[str, ...] = LEVELS, **more: object) -> Outcome:
    sweep = made_sweep()
    rows, by_number = made_rows(runs, sweep)
    taxonomy = SimpleNamespace(level_names=levels, class_names=(("a", "b"), ("c", "d", "e")))
    data = SimpleNamespace(taxonomy=taxonomy, train=range(1151), val=range(287), test=range(359))
    best, workspace = best_row(rows, sweep.study), Workspace(Home.of(folder))
    return Outcome(sweep, cast(DataSet, data), workspace, "7", rows, by_number, best, **more)  # type: ignore[arg-type]


def test_a_study_at_its_end(tmp_path: Path) -> None:
    runs = [made_run(number) for number in range(3)] + [made_run(3, "pruned", epochs=1)]
    test = {"test/probe_top1/parity": 0.75, "test/probe_top1/mean": 0.5}
    text = describe(outcome(runs, tmp_path, test_metrics=test, encoder_run="refit", model="made"))
    assert text.startswith(
        "4 trials (3 completed, 1 pruned) on **digits**: 1,151 train, 287 validation, 359 test samples; levels "
        "parity (2) → digit (3). The largest `val/probe_top1/mean` wins.\n"
    )
    link = "#/experiments/7/runs/run2?workflowType=machine_learning"
    assert f"### Best: [trial 2]({link})" in text
    assert "| parity&emsp; | 62.0 %&emsp; | 75.0 % |" in text
    assert "| digit&emsp; | 42.0 %&emsp; |  |" in text
    assert "[refit on train + validation](#/experiments/7/runs/refit?" in text
    assert "| `objective.temperature`&emsp; | 0.05 to 0.5, log&emsp; | 0.12 |" in text
    assert "| `objective[a-hmlc].attention_temperature`&emsp; | 0.5 to 2&emsp; |  |" in text
    assert f"hmlc best made --emit-config best.yaml --home {tmp_path}\n" in text
    assert 'mlflow.pytorch.load_model("models:/made@best")' in text


def test_a_study_at_its_start_says_how_to_resume_it(tmp_path: Path) -> None:
    text = describe(outcome([], tmp_path))
    assert text.startswith("6 trials on **digits**")
    assert f"hmlc resume made --home {tmp_path}\n" in text
    assert "Best" not in text


def test_the_commands_of_a_job_s_study_exist_with_their_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(JOB_VARIABLE, "hmlc-made")
    text = describe(outcome([made_run(0)], tmp_path))
    assert f"hmlc best made --emit-config best.yaml --home {tmp_path}\nhmlc train best.yaml --home {tmp_path}\n" in text
    assert "hmlc resume made --address http://HEAD:8265\n" in describe(outcome([], tmp_path))


def test_several_seeds_have_an_interval(tmp_path: Path) -> None:
    same: dict[str, object] = {
        "objective.temperature": 0.2,
        "objective.level_weights.stick0": 0.5,
        "objective.kind": "g-hmlc",
    }
    runs = [
        made_run(number, seed=number, **same, **{"objective[g-hmlc].mixture_components": 2}) for number in (0, 2, 4)
    ]
    text = describe(outcome([*runs, made_run(1, seed=0)], tmp_path))
    # Student's t with 2 degrees of freedom: 4.303 * 2 / sqrt(3) = 4.97.
    assert "| parity&emsp; | 62.0 % ± 5.0&emsp; |  |" in text
    assert "interval over 3 seeds" in text


@pytest.mark.parametrize("name", ["a|b", "<img src=x onerror=1>", "[x](http://y)", "a`b", "line\nbreak"])
def test_names_of_the_users_are_text(tmp_path: Path, name: str) -> None:
    text = describe(outcome([made_run(0)], tmp_path, levels=(name, "digit")))
    assert "<img" not in text.replace("\\<img", "")
    assert "](http" not in text.replace("\\](http", "")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    cells = {line.replace("\\|", "").count("|") for line in rows}
    assert (len(rows) > 5, cells) == (True, {4})


def test_a_description_fits_into_a_tag(tmp_path: Path) -> None:
    runs = [made_run(number, **{f"views.{'x' * 90}{key}": "y" * 200 for key in range(9)}) for number in range(20)]
    assert len(describe(outcome(runs, tmp_path))) <= 8000


def test_the_leaderboard_is_a_table_of_mlflow(tmp_path: Path) -> None:
    runs = [made_run(0), made_run(1), made_run(2, "pruned", epochs=1), made_run(3, "failed")]
    rows, by_number = made_rows(runs, sweep := made_sweep())
    write_leaderboard(sweep.study, rows, by_number, LEVELS, tmp_path / "leaderboard.json")
    table = json.loads((tmp_path / "leaderboard.json").read_text())
    first = dict(zip(table["columns"], table["data"][0], strict=True))
    assert [row[1] for row in table["data"]] == [1, 0, 3, 2]
    assert {
        "rank": 1,
        "trial": 1,
        "status": "completed",
        "val/probe_top1/digit": 0.51 - 0.1,
        "run": "run1",
    }.items() <= first.items()
    assert first["level_weights parity"] + first["level_weights digit"] == pytest.approx(1)
    assert first["mixture_components"] is None


def test_searched_parameters_come_first() -> None:
    params = {"data.kind": "digits", "objective.level_weights": "[1]", "objective.temperature": 0.1}
    searched = ["objective.kind", "objective.temperature", "objective.level_weights.stick0"]
    assert list(searched_first(params, searched)) == ["objective.temperature", "objective.level_weights", "data.kind"]
    assert searched_table({"objective[g-hmlc].mixture_components": 3, "x": [0.25, 0.75]}) == (
        "| searched&emsp; | value |\n|---|---|\n| `objective[g-hmlc].mixture_components`&emsp; | `3` |\n"
        "| `x`&emsp; | `0.25`, `0.75` |"
    )
    assert searched_table({}) == ""
