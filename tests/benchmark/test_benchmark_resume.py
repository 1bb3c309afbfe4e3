"""A suite that is killed, grows, moves to another machine or is changed runs what is missing and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from fake_sweeps import FakeSweeps, Killed, objectives, run_suite, suite_of

from hmlc_ray.benchmark import harvest
from hmlc_ray.config.encoder import ResNet18Config
from hmlc_ray.encoders import build_encoder
from hmlc_ray.errors import StudyError
from hmlc_ray.home import Home
from hmlc_ray.study.schema import DRIVER, PARENT, STUDY, RunKind
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.tracking.drivers import identity

RUNS = 2 * 2 + 2 * 2
"""Tuning trials and cells of two arms."""


def test_a_suite_that_runs_through_trains_every_task_once(sweeps: FakeSweeps, home: Home) -> None:
    result = run_suite(suite_of(), home)
    assert len(sweeps.trained) == len({*sweeps.trained}) == RUNS
    assert result.failed == {}
    assert {(row.arm, row.seeds) for row in result.rows} == {("hmce", 2), ("supcon", 2)}
    tracker = Workspace(home).open_tracker()
    assert {run.tags[STUDY] for run in tracker.studies()} == {"tiny.tuning-1", "tiny.cells-1"}
    assert tracker.run(result.run_id).status == "FINISHED"


@pytest.mark.parametrize("after", [3, 5])
def test_a_killed_suite_ends_with_no_task_run_twice(
    after: int, sweeps: FakeSweeps, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeps.left, write = after, harvest.Harvest.__call__
    with monkeypatch.context() as dying:
        # A process that is gone writes nothing any more.
        dying.setattr(harvest.Harvest, "__call__", lambda own, name: None if sweeps.left == 0 else write(own, name))
        with pytest.raises(Killed):
            run_suite(suite_of(), home)
    sweeps.left = None
    result = run_suite(suite_of(), home)
    assert len(sweeps.trained) == len({*sweeps.trained}) == RUNS
    assert result.failed == {}


def test_added_arms_and_seeds_leave_the_cells_of_others(sweeps: FakeSweeps, home: Home) -> None:
    run_suite(suite_of(), home)
    sweeps.trained.clear()
    arms = {name: {"objective": {"kind": name}} for name in ("hmce", "supcon", "sum-supcon")}
    more = run_suite(suite_of(arms=arms), home)
    assert objectives(sweeps.trained) == {"sum-supcon"}
    assert len(sweeps.trained) == 4
    sweeps.trained.clear()
    again = run_suite(suite_of(arms=arms, benchmark={"seeds": [0, 1, 7]}), home)
    assert len(sweeps.trained) == 3
    assert all('"seed":7' in text for text in sweeps.trained)
    assert {row.seeds for row in more.rows} == {2}
    assert {row.seeds for row in again.rows} == {3}


def test_another_machine_resumes_from_the_results_file_alone(
    sweeps: FakeSweeps, home: Home, tmp_path: Path, put_store
) -> None:
    results = tmp_path / "results.jsonl"
    first = run_suite(suite_of(), home, results)
    sweeps.trained.clear()
    lines = results.read_bytes().splitlines(keepends=True)
    results.write_bytes(b"".join(lines[:-1]) + lines[-1][:40])  # the last one torn by a kill
    elsewhere = put_store(Home.of(tmp_path / "elsewhere"))
    second = run_suite(suite_of(), elsewhere, results)
    assert len(sweeps.trained) == 1
    assert [row.own for row in second.rows] == [row.own for row in first.rows]


def test_a_changed_suite_names_the_cells_that_no_longer_fit(sweeps: FakeSweeps, home: Home) -> None:
    run_suite(suite_of(), home)
    sweeps.trained.clear()
    arms = {"hmce": {"objective": {"kind": "hmce"}}, "supcon": {"objective": {"kind": "supcon", "temperature": 0.3}}}
    with pytest.raises(StudyError, match=r"2 tuning trials in .* do not fit the suite any more \('supcon' on digits\)"):
        run_suite(suite_of(arms=arms), home)
    assert sweeps.trained == []
    run_suite(suite_of(arms=arms), home, replace=True)
    assert objectives(sweeps.trained) == {"supcon"}
    assert len(sweeps.trained) == 4
    sweeps.trained.clear()
    run_suite(suite_of(arms=arms), home)
    assert sweeps.trained == []


def test_a_file_of_weights_that_was_replaced_leaves_no_results_of_the_old_one(
    sweeps: FakeSweeps, home: Home, tmp_path: Path
) -> None:
    weights = tmp_path / "w.pt"
    torch.save(build_encoder(ResNet18Config(), (1, 8, 8)).state_dict(), weights)
    base = {"encoder": {"kind": "resnet18", "weights": str(weights)}, "training": {"epochs": 5}}
    first = run_suite(suite_of(base=base), home)
    torch.save(build_encoder(ResNet18Config(), (1, 8, 8)).state_dict(), weights)
    with pytest.raises(StudyError, match=r"4 tuning trials in .* do not fit the suite any more"):
        run_suite(suite_of(base=base), home)
    sweeps.trained.clear()
    second = run_suite(suite_of(base=base), home, replace=True)
    assert len(sweeps.trained) == RUNS
    assert second.failed == {}
    assert len(first.rows) == len(second.rows)
    sweeps.trained.clear()
    run_suite(suite_of(base=base), home)
    assert sweeps.trained == []


def test_a_study_that_was_cut_off_before_the_suite_changed_is_not_resumed(sweeps: FakeSweeps, home: Home) -> None:
    sweeps.left = 1
    with pytest.raises(Killed):
        run_suite(suite_of(), home)
    sweeps.left, sweeps.studies = None, []
    arms = {"hmce": {"objective": {"kind": "hmce"}}, "sum-supcon": {"objective": {"kind": "sum-supcon"}}}
    run_suite(suite_of(arms=arms), home)
    assert "tiny.tuning-1" not in sweeps.studies
    assert objectives(sweeps.trained[1:]) == {"hmce", "sum-supcon"}


@pytest.mark.parametrize("place", ["results", "out"])
def test_what_cannot_be_written_is_found_out_before_anything_is_trained(
    place: str, sweeps: FakeSweeps, home: Home, tmp_path: Path
) -> None:
    (tmp_path / "a-file").touch()
    with pytest.raises(StudyError, match="cannot be written"):
        run_suite(suite_of(), home, **{place: tmp_path / "a-file" / "below"})
    assert sweeps.trained == []


def test_arms_alike_share_their_runs(sweeps: FakeSweeps, home: Home) -> None:
    arms = {name: {"objective": {"kind": "hmce"}} for name in ("hmce", "the same")}
    result = run_suite(suite_of(arms=arms), home)
    assert len(sweeps.trained) == RUNS / 2
    assert {row.arm for row in result.rows} == {"hmce", "the same"}


def test_what_fails_is_named_and_runs_again_with_the_next_call(sweeps: FakeSweeps, home: Home) -> None:
    suite = suite_of(benchmark={"tuning": {"trials": 0}}, space={})
    sweeps.failing = {"supcon"}
    result = run_suite(suite, home)
    why = "NonFiniteLoss: the loss became nan"
    assert result.failed == {f"arm 'supcon' on digits, seed {seed}": why for seed in (0, 1)}
    sweeps.failing.clear()
    sweeps.trained.clear()
    assert run_suite(suite, home).failed == {}
    assert objectives(sweeps.trained) == {"supcon"}


def test_an_arm_whose_tuning_failed_has_no_cells(sweeps: FakeSweeps, home: Home) -> None:
    sweeps.failing = {"supcon"}
    result = run_suite(suite_of(), home)
    assert result.failed == {}
    assert result.untuned == {"'supcon' on digits": "NonFiniteLoss: the loss became nan"}


def test_a_resumed_benchmark_names_the_process_that_drives_it(sweeps: FakeSweeps, home: Home) -> None:
    tracker = Workspace(home).open_tracker()
    dead = {DRIVER: '{"host": "other", "pid": 1, "started": 0.0}'}
    parent = tracker.study_run("tiny", tags=dead, params={}, kind=RunKind.BENCHMARK)
    assert run_suite(suite_of(), home).run_id == parent
    assert tracker.run(parent).tags[DRIVER] == identity()


def test_studies_are_shown_below_the_benchmark(sweeps: FakeSweeps, home: Home) -> None:
    run_suite(suite_of(), home)
    assert PARENT == "mlflow.parentRunId"
    sweep_files = [home.study(name) / "sweep.json" for name in ("tiny.tuning-1", "tiny.cells-1")]
    assert all('"parent_run": null' not in file.read_text() for file in sweep_files)
