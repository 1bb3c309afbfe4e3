"""Trials whose checkpoints are gone: which one they go on from, and what Tune makes of it."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import ray.tune
from ray.train._internal.checkpoint_manager import _CheckpointManager
from ray.train._internal.session import _TrainingResult
from ray.tune.execution.experiment_state import _ExperimentCheckpointManager
from ray.tune.execution.tune_controller import TuneController

from hmlc_ray.sweep.train.resume import ResumesFromNearest, read_checkpoint
from hmlc_ray.sweep.tune.patches import changed_tune


class Trainable:
    """Stands for Tune's."""

    restored: list[Any]

    def restore(self, result: Any) -> None:
        self.restored.append(result)


class OurTrainable(ResumesFromNearest, Trainable):
    def __init__(self) -> None:
        self.restored = []


def named(folder: Path, index: int) -> _TrainingResult:
    checkpoint = ray.tune.Checkpoint.from_directory(folder / f"checkpoint_{index:06d}")
    return _TrainingResult(checkpoint, {"training_iteration": index})


@pytest.mark.parametrize(
    ("there", "index", "taken"),
    [((3, 4), 4, 4), ((3,), 4, 3), ((2, 3, 7), 5, 3), ((7, 8), 4, 7), ((), 4, None)],
)
def test_a_trial_goes_on_from_the_nearest_checkpoint_that_is_there(
    tmp_path: Path, there: tuple[int, ...], index: int, taken: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    for other in there:
        (tmp_path / f"checkpoint_{other:06d}").mkdir()
    trial = OurTrainable()
    with caplog.at_level(logging.WARNING):
        trial.restore(named(tmp_path, index))
    assert [Path(result.checkpoint.path).name for result in trial.restored] == (
        [] if taken is None else [f"checkpoint_{taken:06d}"]
    )
    assert all(result.metrics == {"training_iteration": index} for result in trial.restored)
    assert ("is gone" in caplog.text) == (taken != index)


class Unlisted:
    """A store that answers for no folder at the moment."""

    def get_file_info(self, _: Any) -> Any:
        raise OSError("timed out")


def test_a_store_that_does_not_answer_is_not_taken_for_one_without_checkpoints(tmp_path: Path) -> None:
    checkpoint = ray.tune.Checkpoint.from_directory(tmp_path / "checkpoint_000001")
    checkpoint.filesystem = Unlisted()
    with pytest.raises(OSError, match="timed out"):
        OurTrainable().restore(_TrainingResult(checkpoint, {}))
    with pytest.raises(OSError, match="timed out"):
        read_checkpoint(checkpoint)


def test_tune_drops_checkpoints_that_are_gone_and_takes_no_snapshot_for_each(tmp_path: Path) -> None:
    snapshots = _ExperimentCheckpointManager(storage=None, checkpoint_period=1e6, sync_every_n_trial_checkpoints=1)
    with changed_tune():
        kept = manager_of_gone(tmp_path)
        for index in (3, 4):
            (tmp_path / f"checkpoint_{index:06d}").mkdir()
            kept.register_checkpoint(named(tmp_path, index))
        assert [result.metrics["training_iteration"] for result in kept.best_checkpoint_results] == [3, 4]
        snapshots.on_trial_checkpoint(object())
        assert not snapshots._should_force_sync_up
    # Without our changes, Tune does neither: they are needed, and undone.
    with pytest.raises(FileNotFoundError):
        manager_of_gone(tmp_path).register_checkpoint(named(tmp_path, 4))
    snapshots.on_trial_checkpoint(object())
    assert snapshots._should_force_sync_up
    assert "on_trial_checkpoint" in TuneController._on_saving_result.__code__.co_names + (
        TuneController._process_trial_save.__code__.co_names
    )


def manager_of_gone(folder: Path) -> _CheckpointManager:
    """Of a trial whose two checkpoints have been deleted."""
    kept = _CheckpointManager(ray.tune.CheckpointConfig(num_to_keep=2))
    for index in (1, 2):
        (folder / f"checkpoint_{index:06d}").mkdir()
        kept.register_checkpoint(named(folder, index))
    for index in (1, 2):
        shutil.rmtree(folder / f"checkpoint_{index:06d}")
    return kept
