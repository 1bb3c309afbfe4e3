"""Pictures of a study: all that its trials allow, within a time, and never an error."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import LEVELS, made_rows, made_run, made_sweep
from PIL import Image

from hmlc_ray.config.rungs import rungs
from hmlc_ray.config.sweep import AshaConfig
from hmlc_ray.errors import ConfigError
from hmlc_ray.sweep.outcome import drawing as drawing_module
from hmlc_ray.sweep.outcome import optuna_pictures
from hmlc_ray.sweep.outcome.drawing import drawing, picture_seconds
from hmlc_ray.sweep.outcome.own_pictures import draw_masks, rung_table
from hmlc_ray.sweep.outcome.searched import DrawnStudy, drawn_study, short_values, with_curves
from hmlc_ray.sweep.tune.asha import Asha
from hmlc_ray.tracking import TrialRun

pytestmark = pytest.mark.timeout(900)  # drawing has 300 s, in a process that imports much


def missing_of(drawn: DrawnStudy, folder: Path, seconds: float) -> list[str]:
    with drawing(drawn, folder, seconds) as begun:
        return begun.missing()


def drawn(runs: list[TrialRun], levels: tuple[str, ...] = LEVELS) -> DrawnStudy:
    rows, by_number = made_rows(runs, sweep := made_sweep())
    curves = {row.number: {epoch: 0.1 * epoch for epoch in range(1, row.epochs + 1)} for row in rows}
    return drawn_study(sweep, rows, by_number, curves, levels)


@pytest.mark.slow
def test_every_picture_is_drawn(tmp_path: Path) -> None:
    odd = ("pa$ri_ty", "数字")
    runs = [made_run(number, levels=odd) for number in range(6)]
    runs += [made_run(6, "pruned", epochs=1), made_run(7, "failed")]
    assert missing_of(drawn(runs, odd), tmp_path / "x", 300) == []
    files = sorted((tmp_path / "x" / "pictures").iterdir())
    assert [file.stem for file in files] == [
        "1-history",
        "2-importances",
        "3-parallel-coordinates",
        "4-slices",
        "5-contour",
        "6-coarse-against-leaf",
        "7-learning-curves",
        "8-budget-by-rung",
    ]
    for file in files:
        with Image.open(file) as picture:
            assert len(set(picture.convert("L").tobytes())) > 10  # not blank


@pytest.mark.slow
def test_of_a_study_without_a_completed_trial_what_there_is_is_drawn(tmp_path: Path) -> None:
    assert missing_of(drawn([made_run(0, "pruned", epochs=1)]), tmp_path / "x", 300) == []
    files = {file.stem for file in (tmp_path / "x" / "pictures").iterdir()}
    assert {"1-history", "7-learning-curves", "8-budget-by-rung"} <= files
    assert not files & {"5-contour", "6-coarse-against-leaf"}


@pytest.mark.filterwarnings("ignore")  # as in the process that draws
def test_a_picture_that_fails_is_named_and_the_others_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("too little\nto show")

    monkeypatch.setattr(optuna_pictures, "_PICTURES", {"1-history": fails})
    missing = optuna_pictures.draw_all(drawn([made_run(0)]), tmp_path)
    assert missing == ["1-history: ValueError: too little"]
    assert [file.name for file in tmp_path.iterdir()] == ["8-budget-by-rung.png"]


def test_pictures_that_take_too_long_are_given_up(tmp_path: Path) -> None:
    (sentence,) = missing_of(drawn([made_run(0)]), tmp_path / "x", 0.01)
    assert sentence == "the pictures were given up after 0.01 s (environment: HMLC_PICTURES)"


def test_modules_of_the_user_s_folder_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def start(command: list[str], **_: object) -> None:
        started.append(command)
        raise OSError("not started")

    monkeypatch.setattr(subprocess, "Popen", start)
    assert missing_of(drawn([made_run(0)]), tmp_path / "x", 300) == ["the pictures could not be drawn: not started"]
    assert started[0][1:3] == ["-P", "-m"]


def test_a_process_that_fails_says_why_and_none_outlives_the_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing_module, "_MODULE", "hmlc_ray.no_such_module")
    (sentence,) = missing_of(drawn([made_run(0)]), tmp_path / "x", 300)
    assert sentence.startswith("the pictures could not be drawn: exit code 1, ")
    assert "No module named hmlc_ray.no_such_module" in sentence
    with pytest.raises(KeyboardInterrupt), drawing(drawn([made_run(0)]), tmp_path / "y", 300) as begun:
        raise KeyboardInterrupt
    assert begun._process is not None
    assert begun._process.returncode is not None


def test_the_seconds_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMLC_PICTURES", "0")
    assert picture_seconds() == 0
    monkeypatch.setenv("HMLC_PICTURES", "many")
    with pytest.raises(ConfigError, match="HMLC_PICTURES must be a number of seconds, got 'many'"):
        picture_seconds()


def test_parameters_are_numbers_and_words_under_short_names() -> None:
    found = drawn([made_run(0), made_run(1)])
    assert found.params == ["objective.kind", "temperature", "level_weights parity", "level_weights digit"]
    assert (found.log, found.levels, found.trials[0].rungs) == (["temperature"], LEVELS, [1, 2, 4])
    assert found.trials[0].front == (0.6, 0.4)
    assert short_values({"a.b": [1, 2, 3], "c": None}, LEVELS) == {"b": "[1, 2, 3]", "c": "null"}


def test_rungs_are_epochs_at_which_the_scheduler_decides() -> None:
    assert rungs(AshaConfig(grace_period=2, reduction_factor=3), 8, 1) == [2, 6]
    assert rungs(AshaConfig(grace_period=1, reduction_factor=3), 7, 2) == [2, 6]
    assert rungs(None, 8, 1) == []


@settings(deadline=None)
@given(grace=st.integers(1, 5), factor=st.floats(1.05, 6), every=st.integers(1, 3), epochs=st.integers(1, 40))
def test_rungs_are_where_rays_scheduler_judges(grace: int, factor: float, every: int, epochs: int) -> None:
    bracket = Asha(AshaConfig(grace_period=grace, reduction_factor=factor))._brackets[0]
    decisions = []
    for evaluation in range(1, -(-epochs // every)):
        before = bracket_size(bracket)
        bracket.on_result(SimpleNamespace(trial_id=0), evaluation, 1.0)
        if bracket_size(bracket) > before:
            decisions.append(evaluation * every)
    assert rungs(AshaConfig(grace_period=grace, reduction_factor=factor), epochs, every) == decisions


def bracket_size(bracket: Any) -> int:
    return sum(len(recorded) for _, recorded in bracket._rungs)


def test_a_trial_whose_length_was_searched_has_its_own_rungs() -> None:
    runs = [made_run(0), made_run(1, epochs=3), made_run(2, "pruned", epochs=2)]
    runs[1] = replace(runs[1], params={"training.epochs": "3"})
    found = drawn(runs)
    assert [trial.rungs for trial in found.trials] == [[1, 2, 4], [1, 2], [1, 2, 4]]
    assert rung_table(found) == [("rung 1", 3, 3), ("rung 2", 3, 3), ("rung 3", 1, 2), ("end", 2, 5)]
    assert rung_table(drawn([made_run(0), made_run(2, "pruned", epochs=2)]))[2:] == [("epoch 4", 1, 2), ("end", 1, 4)]


def test_milestones_that_are_not_whole_are_rounded_up() -> None:
    assert rungs(AshaConfig(grace_period=1, reduction_factor=2.5), 20, 1) == [1, 3, 7, 16]


def test_of_a_large_study_the_curves_of_the_best_are_drawn() -> None:
    runs = [made_run(number) for number in range(300)]
    rows, _ = made_rows(runs, made_sweep())
    assert with_curves(rows, "max") == list(range(100, 300))
    assert with_curves(rows, "min") == list(range(200))


def test_masks_are_drawn_where_there_are_any(tmp_path: Path) -> None:
    draw_masks(tmp_path / "masks.csv", tmp_path / "masks.png")
    assert not (tmp_path / "masks.png").exists()
    (tmp_path / "masks.csv").write_text("dimension,parity,dig$it\n0,1,0\n1,0,1\n2,0.5,0.5\n")
    draw_masks(tmp_path / "masks.csv", tmp_path / "masks.png")
    with Image.open(tmp_path / "masks.png") as picture:
        assert picture.width > 500
