"""The diagnosis of a run, from wherever it is found: `hmlc probe RUN --report` and `diagnose`."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from planted_classes import LEAVES, PAIRS, make_pairs, trial
from typer.testing import CliRunner

from hmlc_ray import TrialConfig, diagnose, errors, probe, train
from hmlc_ray.cli.app import app
from hmlc_ray.diagnosis.files import JSON_FILE, PICTURES, TABLES
from hmlc_ray.home import Home
from hmlc_ray.study.summary import RunSummary
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")]
TREE = {"level_names": ("kind", "species"), "paths": [(f"k{p}", leaf) for leaf, p in zip(LEAVES, PAIRS, strict=True)]}
EPOCHS = 4


class Trained:
    """A home with one run of G-HMLC in it."""

    def __init__(self, folder: Path) -> None:
        values = trial(make_pairs(folder / "images"), {"kind": "induced", "tree": TREE}).model_dump(mode="json")
        values["objective"] = {"kind": "g-hmlc", "warmup_epochs": 1, "refit_every": 1, "nesting": "partition"}
        values["training"]["epochs"] = EPOCHS
        self.home = Home.of(folder / "home")
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("MLFLOW_TRACKING_URI", raising=False)
            # Tracing the network takes seconds, and its files are not read here.
            patch.setattr("hmlc_ray.training.export.encoder._networks", lambda *_: {})
            self.run: RunSummary = train(TrialConfig.model_validate(values), home=self.home.root)

    @property
    def checkpoint(self) -> Path:
        return self.home.run(self.run.run_id) / "checkpoint"

    def changed(self, folder: Path, **changes: Any) -> Path:
        """A copy of the checkpoint with other contents."""
        checkpoint = load_checkpoint(self.checkpoint)
        save_checkpoint(folder / "checkpoint", replace(checkpoint, **changes))
        return folder

    def state(self) -> dict[str, Any]:
        return dict(load_checkpoint(self.checkpoint).state)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("trained"))


@pytest.fixture(autouse=True)
def _no_store_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HMLC_HOME", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports without their pictures, which take as long as all else."""
    monkeypatch.setattr("hmlc_ray.diagnosis.files._draw", lambda *_: None)


def hmlc(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_report_is_written_beside_the_run_and_logged_to_it(trained: Trained, tmp_path: Path) -> None:
    run_id = trained.run.run_id
    done = hmlc("probe", run_id, "--report", "--home", trained.home.root)
    folder = trained.home.run(run_id) / "diagnosis"
    assert done.exit_code == 0, done.output
    assert done.output.endswith(f"report: {folder}; logged to run {run_id}\n")
    assert {file.name for file in folder.iterdir()} == {JSON_FILE, *TABLES, *PICTURES}
    values = json.loads((folder / JSON_FILE).read_text(encoding="utf-8"))
    assert values["evaluation"] == probe(run_id, home=trained.home.root)

    tracker = Workspace(trained.home).open_tracker()
    logged = tracker.download(run_id, "diagnosis", tmp_path)
    assert {file.name: file.read_bytes() for file in logged.iterdir()} == {
        file.name: file.read_bytes() for file in folder.iterdir()
    }
    metrics = values["metrics"]
    assert len(metrics) == 2 + 2 * 2 + 2 * 4
    assert {name: tracker.history(run_id, name) for name in metrics} == {
        name: [(EPOCHS, value)] for name, value in metrics.items()
    }
    assert tracker.run(run_id).status == "FINISHED"
    dims = [tracker.history(run_id, f"mask/dims/{h}") for h in (0, 1)]
    assert values["mask_sizes"]["epochs"] == [epoch for epoch, _ in dims[0]] != []
    assert values["mask_sizes"]["dims"] == [[one, other] for (_, one), (_, other) in zip(*dims, strict=True)]


@pytest.mark.usefixtures("undrawn")
def test_the_other_split_into_a_folder_of_ones_own(trained: Trained, tmp_path: Path) -> None:
    found = diagnose(trained.run, split="test", report=tmp_path / "mine", home=trained.home.root)
    assert (found.folder, found.run_id) == (tmp_path / "mine", trained.run.run_id)
    assert found.evaluation == probe(trained.run, split="test", home=trained.home.root)
    assert all(name.startswith("test/") for name in found.metrics())
    assert {file.name for file in (tmp_path / "mine").iterdir()} == {JSON_FILE, *TABLES}


def test_without_a_report_nothing_is_written(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    one, other = (diagnose(trained.run, home=trained.home.root) for _ in range(2))
    assert one.metrics() == other.metrics()
    np.testing.assert_array_equal(one.sample_map.points, other.sample_map.points)
    assert (one.folder, one.run_id) == (None, None)
    assert list(tmp_path.iterdir()) == []
    assert (one.masks is not None, one.masks_on) == (True, "embedding")


@pytest.mark.usefixtures("undrawn")
def test_a_folder_is_diagnosed_without_any_store(trained: Trained, tmp_path: Path) -> None:
    folder = trained.changed(tmp_path / "run")
    done = hmlc("probe", folder / "checkpoint", "--report", "--home", tmp_path / "none")
    assert done.exit_code == 0, done.output
    assert done.output.endswith(f"report: {folder / 'diagnosis'}\n")
    assert not (tmp_path / "none" / "mlflow.db").exists()
    values = json.loads((folder / "diagnosis" / JSON_FILE).read_text(encoding="utf-8"))
    assert len(values["mask_sizes"]["epochs"]) > 1, "from the checkpoint's own history"


def without(state: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name not in names}


def test_checkpoints_of_earlier_versions_and_of_objectives_without_masks(trained: Trained, tmp_path: Path) -> None:
    old = trained.changed(tmp_path / "old", state=without(trained.state(), "masks", "confusion"), history=())
    found = diagnose(old, home=trained.home.root)
    assert (found.masks, found.mask_probes, found.mask_sizes) == (None, None, None)
    assert not any("mask" in name for name in found.metrics())
    maskless = trained.changed(tmp_path / "maskless", state=trained.state() | {"masks": None})
    assert diagnose(maskless, home=trained.home.root).metrics() == found.metrics()
    early = trained.changed(tmp_path / "early", state=trained.state() | {"masks": torch.ones(2, 8)}, history=())
    unmasked = diagnose(early, home=trained.home.root)
    assert unmasked.masks is not None
    assert (unmasked.mask_probes, unmasked.mask_sizes) == (None, None)


def test_what_cannot_be_diagnosed_is_one_sentence(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    weights: dict[str, Any] = trained.state()["learner"]
    no_encoder = {name: value for name, value in weights.items() if not name.startswith("encoder.")}
    no_head = {name: torch.zeros(3) if name.startswith("head.") else value for name, value in weights.items()}
    other = trained.changed(tmp_path / "other", state=trained.state() | {"learner": no_encoder})
    headless = trained.changed(tmp_path / "headless", state=trained.state() | {"learner": no_head})
    changed = trained.changed(tmp_path / "changed", fingerprint="0" * 64)
    joined = trained.changed(tmp_path / "joined", config=joined_config(load_checkpoint(trained.checkpoint)))
    cases = [
        ((trained.checkpoint, file), f"the report cannot be written to '{file}': it is a file, and a folder is needed"),
        ((trained.run.run_id, file), f"the report cannot be written to '{file}': it is a file, and a folder is needed"),
        ((other,), "the checkpoint's weights are of another encoder: "),
        ((headless,), "the checkpoint's weights are of another head: "),
        ((trained.checkpoint.parent / "encoder",), f"{trained.checkpoint.parent / 'encoder'} is an exported encoder"),
        ((changed,), f"the data of {changed} changed since it was trained"),
        ((joined,), "there is no validation split (data.train_on is train+val): "),
        (("none",), "there is no folder 'none', and the MLflow store "),
    ]
    for arguments, sentence in cases:
        done = hmlc("probe", *arguments, "--report", "--home", trained.home.root)
        assert done.exit_code == 2, done.output
        assert done.stderr.startswith(f"hmlc: {sentence}")
        assert done.stderr.count("\n") == 1
    assert file.read_text() == "mine"
    with pytest.raises(errors.ConfigError, match="split must be val or test, got 'train'"):
        diagnose(trained.run, split="train", home=trained.home.root)  # type: ignore[arg-type]


def joined_config(checkpoint: Checkpoint) -> TrialConfig:
    """As of a refit, which trained on train and validation."""
    config = checkpoint.config.with_regularisation((0.1, 0.1))
    return config.model_copy(update={"data": config.data.model_copy(update={"train_on": "train+val"})})


def test_a_refit_is_judged_on_test_with_its_given_regularisation(trained: Trained, tmp_path: Path) -> None:
    folder = trained.changed(tmp_path / "refit", config=joined_config(load_checkpoint(trained.checkpoint)))
    found = diagnose(folder, split="test", home=trained.home.root)
    assert found.mask_probes is not None
    assert np.isfinite(found.mask_probes.inside).all()


@pytest.mark.usefixtures("undrawn")
def test_a_store_that_refuses_does_not_cost_the_report(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise errors.TrackingError("the MLflow store sqlite:///x cannot be used: disk full")

    monkeypatch.setattr("hmlc_ray.tracking.tracker.Tracker.log_artifacts", refuse)
    with pytest.raises(errors.TrackingError, match=r"disk full; the report is in .*/kept$"):
        diagnose(trained.run, report=tmp_path / "kept", home=trained.home.root)
    assert {file.name for file in (tmp_path / "kept").iterdir()} == {JSON_FILE, *TABLES}
