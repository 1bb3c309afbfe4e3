"""What a trial tells its driver after a fault, and which checkpoint it goes on from."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray.tune

from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.sweep.train.result import EVALUATIONS
from hmlc_ray.sweep.train.resume import read_checkpoint
from hmlc_ray.sweep.train.worker import _Reporter
from hmlc_ray.training.checkpoint import Checkpoint, EpochRecord, save_checkpoint
from hmlc_ray.training.fit import fit

CONFIG = TrialConfig.model_validate(
    {
        "encoder": {"kind": "mlp", "hidden_dim": 16, "feature_dim": 8},
        "head": {"hidden_dim": 8, "embedding_dim": 8},
        "objective": {"kind": "supcon"},
        "training": {"epochs": 5, "cpu_threads": 1},
        "evaluation": {"every": 2, "probe_regularisation": [0.1]},
    }
)


class Killed(Exception):
    """Stands for the end of a driver."""


class Driver:
    """Keeps the results and checkpoints that it gets, until it is killed: the checkpoint is on disk by then."""

    def __init__(self, folder: Path, *, dies_at: int | None = None) -> None:
        self.results: list[dict[str, Any]] = []
        self._folder, self._dies_at = folder, dies_at

    def send(self, result: dict[str, Any], folder: Path | None) -> None:
        assert folder is not None
        shutil.copytree(folder, self._folder / f"checkpoint_{result['epoch']:06d}")
        if result["epoch"] == self._dies_at:
            raise Killed
        self.results.append(result)

    @property
    def epochs(self) -> list[int]:
        return [entry["epoch"] for result in self.results for entry in result["history"]]


def train(driver: Driver, resume: Checkpoint | None = None) -> None:
    fit(CONFIG, _Reporter(CONFIG, driver.send, resume), resume=resume)


def figures(driver: Driver) -> dict[int, dict[str, float]]:
    told: dict[int, dict[str, float]] = {}
    for result in driver.results:
        for entry in result["history"]:
            kept = {name: value for name, value in entry["metrics"].items() if "second" not in name}
            told.setdefault(entry["epoch"], kept)
    return told


@pytest.mark.parametrize("dies_at", [2, 4, 5])
def test_epochs_whose_report_was_lost_are_told_when_the_trial_goes_on(tmp_path: Path, dies_at: int) -> None:
    undisturbed, before, after = Driver(tmp_path / "a"), Driver(tmp_path / "b", dies_at=dies_at), Driver(tmp_path / "c")
    train(undisturbed)
    assert undisturbed.epochs == [1, 2, 3, 4, 5]
    assert [result[EVALUATIONS] for result in undisturbed.results] == [1, 2, 3]

    with pytest.raises(Killed):
        train(before)
    newest = ray.tune.Checkpoint.from_directory(tmp_path / "b" / f"checkpoint_{dies_at:06d}")
    train(after, read_checkpoint(newest))
    assert set(after.epochs) == {1, 2, 3, 4, 5}
    assert figures(after) == figures(undisturbed)
    assert after.results[-1][EVALUATIONS] == 3


@pytest.fixture
def checkpoints(tmp_path: Path) -> Callable[..., ray.tune.Checkpoint]:
    """Spoils some of the checkpoints after 1 to 4 epochs, by their index, and names the first of those."""
    made: list[Checkpoint] = []

    def keep(record: EpochRecord, snapshot: Callable[[], Checkpoint]) -> None:
        made.append(snapshot())

    fit(CONFIG.model_copy(update={"training": CONFIG.training.model_copy(update={"epochs": 4})}), keep)
    for index, checkpoint in enumerate(made):
        save_checkpoint(tmp_path / f"checkpoint_{index:06d}", checkpoint)

    def spoil(how: Callable[[Path], object], *indices: int) -> ray.tune.Checkpoint:
        folders = [tmp_path / f"checkpoint_{index:06d}" for index in indices]
        for folder in folders:
            how(folder)
        return ray.tune.Checkpoint.from_directory(folders[0])

    return spoil


def _empty(folder: Path) -> None:
    (folder / "state.pt").write_bytes(b"")


@pytest.mark.parametrize("how", [_empty, shutil.rmtree])
@pytest.mark.parametrize(
    ("spoilt", "epochs"), [((1,), 1), ((2, 1), 1), ((0,), 2), ((1, 0), 3), ((3, 2, 1), 1), ((0, 1, 2, 3), None)]
)
def test_a_checkpoint_that_is_damaged_or_gone_gives_way_to_the_one_before_else_to_the_next(
    checkpoints: Callable[..., ray.tune.Checkpoint],
    how: Callable[[Path], object],
    spoilt: tuple[int, ...],
    epochs: int | None,
) -> None:
    found = read_checkpoint(checkpoints(how, *spoilt))
    assert (found.epochs_done if found else None) == epochs
