"""`load_encoder`: the features that a run was judged by, from wherever it is found."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mlflow.tracking import MlflowClient
from PIL import Image
from torch import Tensor

from hmlc_ray import TrialConfig, errors, load_encoder, probe, train
from hmlc_ray.config.sweep import SweepConfig
from hmlc_ray.data import load_data
from hmlc_ray.encoders import build_encoder
from hmlc_ray.evaluation import judge
from hmlc_ray.home import Home
from hmlc_ray.runs.recording import log_checkpoint
from hmlc_ray.study.folder import save_study
from hmlc_ray.study.schema import TrialStatus
from hmlc_ray.study.summary import BestTrial, RunSummary, SweepSummary, TrialRow
from hmlc_ray.study.workspace import Workspace
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.tracking import Tracker
from hmlc_ray.training.trained import TrainedEncoder

CONFIG: dict[str, Any] = {
    "encoder": {"kind": "convnet", "width": 4, "depth": 2, "feature_dim": 8},
    "head": {"hidden_dim": 8, "embedding_dim": 4},
    "objective": {"kind": "sum-supcon"},
    "training": {"epochs": 1},
    "evaluation": {"probe_regularisation": [0.1]},
}


class Trained:
    """A home with one run in it, and what its features were when it was judged."""

    def __init__(self, folder: Path) -> None:
        self.home = Home.of(folder / "home")
        self.judged: list[tuple[Tensor, np.ndarray[Any, Any]]] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("MLFLOW_TRACKING_URI", raising=False)
            patch.setattr(judge, "embed", self._embed)
            # Tracing the network takes seconds, and its files are not read here.
            patch.setattr("hmlc_ray.training.export.encoder._networks", lambda *_: {})
            self.run: RunSummary = train(CONFIG, home=self.home.root)

    def _embed(self, encoder: Any, inputs: Any, device: Any, *, rows: Tensor | None = None) -> np.ndarray[Any, Any]:
        from hmlc_ray.evaluation.embed import embed

        found = embed(encoder, inputs, device, rows=rows)
        self.judged.append((inputs[:] if rows is None else inputs[rows], found))
        return found

    def tracker(self) -> Tracker:
        return Workspace(self.home).open_tracker()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(tmp_path_factory.mktemp("trained"))


@pytest.fixture(autouse=True)
def _no_store_of_the_machine(folder: Path) -> None:
    """Text that names no folder is looked up in the homes that tests give."""


@pytest.mark.parametrize("where", ["run", "checkpoint", "encoder", "encoder/encoder.pt", ""])
def test_the_features_are_those_that_the_run_was_judged_by(trained: Trained, where: str) -> None:
    source = trained.run.run_id if where == "run" else trained.home.run(trained.run.run_id) / where
    encoder = load_encoder(source, home=trained.home.root)
    assert not encoder.training
    assert len(trained.judged) == 2
    for inputs, wanted in trained.judged:
        assert torch.equal(encoder.embed(inputs), torch.from_numpy(wanted))
        # The same images as floats differ by rounding alone.
        torch.testing.assert_close(encoder.embed(inputs.double() / 255), torch.from_numpy(wanted), rtol=1e-4, atol=1e-5)
    assert encoder.config == TrialConfig.model_validate(CONFIG)
    assert encoder.taxonomy.level_names == trained.run.level_names
    assert (encoder.feature_dim, encoder.input_shape) == (8, (1, 8, 8))


def test_results_stand_for_what_they_are_of(trained: Trained) -> None:
    run_id = trained.run.run_id
    row = TrialRow(0, "0", TrialStatus.COMPLETED, 0.5, 1, {}, run_id)
    wanted = load_encoder(run_id, home=trained.home.root).state_dict()
    for source in (trained.run, row, BestTrial(row, TrialConfig(), {})):
        found = load_encoder(source, home=trained.home.root).state_dict()
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    metrics = probe(trained.run, home=trained.home.root)
    assert metrics == {name: trained.run.metrics[name] for name in metrics}
    with pytest.raises(errors.CheckpointError, match=r"^what was trained is given as a folder, .*; got int$"):
        load_encoder(3)  # type: ignore[arg-type]
    with pytest.raises(errors.CheckpointError, match=r"^there is no folder 'none'"):
        load_encoder(SweepSummary("none", "m", "max", [], None, (), "", 1.0), home=trained.home.root)


def test_the_module_is_a_module(trained: Trained) -> None:
    encoder = load_encoder(trained.run.run_id, home=trained.home.root)
    images = trained.judged[0][0][:4]
    features = encoder(images)
    features.sum().backward()
    assert all(weight.grad is not None for weight in encoder.parameters())
    encoder.train()
    assert torch.equal(encoder.embed(images), features.detach())
    assert encoder.training, "embedding leaves the mode as it was"
    network = torch.nn.Sequential(encoder, torch.nn.Linear(8, 2)).eval()
    assert network(images).shape == (4, 2)
    assert encoder.half().embed(images.half() / 255).dtype == torch.float32
    # The meta device stands for a GPU: what is computed on another device than the weights' fails there as well.
    elsewhere = encoder.float().to("meta")
    assert elsewhere.device.type == "meta"
    assert elsewhere(torch.empty(3, 1, 8, 8, dtype=torch.uint8, device="meta")).shape == (3, 8)


def test_other_sizes_that_the_encoder_takes(trained: Trained) -> None:
    encoder = load_encoder(trained.run.run_id, home=trained.home.root)
    assert encoder(torch.zeros(2, 1, 13, 9)).shape == (2, 8)


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        (torch.zeros(1, 8, 8), "[n, 1, height, width], got torch.float32 [1, 8, 8]"),
        (torch.zeros(2, 3, 8, 8), "got torch.float32 [2, 3, 8, 8]"),
        (torch.zeros(2, 1, 8, 8, dtype=torch.int64), "got torch.int64 [2, 1, 8, 8]"),
        (torch.full((2, 1, 8, 8), 255.0), "images of floats must lie in [0, 1], got values from 255 to 255"),
        (torch.full((2, 1, 8, 8), -1.0), "got values from -1 to -1"),
        (torch.full((2, 1, 8, 8), torch.nan), "got values from nan to nan"),
        (np.zeros((2, 1, 8, 8)), "the encoder takes a torch.Tensor, got ndarray"),
    ],
)
def test_what_it_cannot_take_is_one_sentence(trained: Trained, inputs: Any, sentence: str) -> None:
    encoder = load_encoder(trained.run.run_id, home=trained.home.root)
    for function in (encoder, encoder.embed):
        with pytest.raises(errors.DataError) as error:
            function(inputs)
        assert sentence in str(error.value)
        assert "\n" not in str(error.value)


def test_image_files_are_read_as_the_training_data_were(tmp_path: Path) -> None:
    for leaf in ("fruit/apple", "fruit/pear", "root/leek", "root/beet"):
        (tmp_path / "images" / leaf).mkdir(parents=True)
        for name in "abcdefgh":
            pixels = np.random.default_rng(len(leaf)).integers(0, 255, (40, 30, 4), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / leaf / f"{name}.png")
    values = {"kind": "image-folder", "root": str(tmp_path / "images"), "image_size": 16, "background": [9, 99, 199]}
    config = TrialConfig.model_validate({"data": values, "encoder": CONFIG["encoder"]})
    data = load_data(config.data)
    network = build_encoder(config.encoder, data.input_shape)
    encoder = TrainedEncoder(network, config=config, taxonomy=data.taxonomy, input_shape=data.input_shape)
    file = tmp_path / "images" / "fruit" / "apple" / "a.png"
    found = encoder.read_images([file, str(file)])
    assert torch.equal(found, encoder.read_images(file).repeat(2, 1, 1, 1))
    apple = data.taxonomy.class_names[-1].index("apple")
    first = int(torch.nonzero(data.train.leaf == apple)[0])
    assert torch.equal(found[0], data.train.at(torch.tensor([first]))[0])
    file.write_bytes(b"no image")
    with pytest.raises(errors.DataError, match=f"^cannot read the image '{file}'"):
        encoder.read_images([file])


def test_point_clouds_are_taken_as_they_are_stored() -> None:
    config = TrialConfig.model_validate(
        {"data": {"kind": "primitives"}, "encoder": {"kind": "pointnet", "width": 4, "pooled_dim": 8, "feature_dim": 8}}
    )
    network = build_encoder(config.encoder, (40, 3)).eval()
    tree = Taxonomy.from_paths(["a", "b"], [("x", "1"), ("x", "2"), ("y", "3")])
    encoder = TrainedEncoder(network, config=config, taxonomy=tree, input_shape=(40, 3))
    clouds = torch.rand(3, 40, 3) * 4 - 2
    assert torch.equal(encoder(clouds), network(clouds))
    assert encoder(torch.rand(2, 55, 3)).shape == (2, 8)
    with pytest.raises(errors.DataError, match=r"takes floats of shape \[n, points, 3\], got torch.uint8 \[2, 40, 3\]"):
        encoder(torch.zeros(2, 40, 3, dtype=torch.uint8))
    with pytest.raises(errors.DataError, match="takes point clouds, which are not read from image files"):
        encoder.read_images(["a.png"])


@pytest.fixture
def home(trained: Trained, tmp_path: Path) -> Home:
    """A copy of the home that a test may change; its artifacts are those of the first."""
    shutil.copytree(trained.home.root, tmp_path / "copy", ignore=shutil.ignore_patterns("artifacts", "cache"))
    return Home.of(tmp_path / "copy")


def test_a_study_gives_the_encoder_that_it_ended_with_or_the_best_so_far(trained: Trained, home: Home) -> None:
    tracker = Workspace(home).open_tracker()
    space = {"study": {"name": "s", "num_trials": 3}, "base": CONFIG, "space": {"seed": {"int": [0, 1]}}}
    sweep = SweepConfig.model_validate(space)
    save_study(sweep, home)
    parent = tracker.study_run("s", tags={}, params={"study.num_trials": 3})
    for find in (load_encoder, probe):
        with pytest.raises(errors.StudyError, match="no trial of study 's' is complete yet"):
            find("s", home=home.root)
    for number, value in enumerate(("0.9", "0.1")):
        run_id = tracker.trial_run(parent, str(number), name=f"s-{number}", params={}, tags={})
        if number == 0:
            log_checkpoint(tracker, run_id, trained.home.run(trained.run.run_id) / "checkpoint")
        tracker.finish(run_id, "FINISHED", {"hmlc.value": value})
    wanted = load_encoder(trained.run.run_id, home=home.root).state_dict()
    for source in ("s", parent):
        found = load_encoder(source, home=home.root).state_dict()
        assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    metrics = probe(SweepSummary("s", "m", "max", [], None, (), "", 1.0), home=home.root)
    assert metrics == {name: trained.run.metrics[name] for name in metrics}
    # Where the study says which run's encoder is its result, that is taken: here one without a checkpoint.
    tracker.set_tags(parent, {"hmlc.encoder_run": run_id})
    with pytest.raises(errors.CheckpointError, match=rf"run {run_id} \(completed\) has no checkpoint in sqlite"):
        load_encoder("s", home=home.root)


def test_runs_that_have_none_to_give(trained: Trained, home: Home) -> None:
    run_id = trained.run.run_id
    for find in (load_encoder, probe):
        with pytest.raises(
            errors.CheckpointError, match=r"^there is no folder 'none', and the MLflow store .* neither"
        ):
            find("none", home=home.root)
        with pytest.raises(errors.CheckpointError, match=r"'none', and there is no MLflow store in /"):
            find("none", home=home.root / "elsewhere")
        assert not (home.root / "elsewhere").exists()
    MlflowClient(home.tracking_uri).delete_run(run_id)
    for find in (load_encoder, probe):
        with pytest.raises(errors.CheckpointError, match=rf"^run {run_id} was deleted in MLflow: restore it with"):
            find(run_id, home=home.root)


def test_what_probe_finds_in_folders(trained: Trained, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home.root))
    metrics = probe(f"~/runs/{trained.run.run_id}", home=home.root)
    assert metrics == {name: trained.run.metrics[name] for name in metrics}
    with pytest.raises(errors.CheckpointError, match=r"/encoder is an exported encoder, which has no checkpoint: give"):
        probe(home.run(trained.run.run_id) / "encoder", home=home.root)


def test_a_store_that_is_away_is_not_taken_for_one_without_the_run(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise errors.StoreAway("the store does not answer")

    monkeypatch.setattr(Tracker, "run", away)
    monkeypatch.setattr(Tracker, "download", away)
    with pytest.raises(errors.StoreAway, match="does not answer"):
        probe("a-run", home=home.root)


@pytest.mark.parametrize(
    ("file", "change", "sentence"),
    [
        ("checkpoint/meta.json", {"format": 2}, "has format 2; this version of hmlc-ray reads format 1"),
        ("checkpoint/config.json", {"colour": 1}, "was written by hmlc-ray 0.2.0 or is damaged; this version, 0.2.0, "),
        ("encoder/config.json", {"trial": {"colour": 1}}, "was exported by hmlc-ray 0.2.0 or is damaged; this version"),
        ("encoder/config.json", {"taxonomy": None}, "was exported by hmlc-ray 0.2.0 or is damaged; this version"),
        ("encoder/config.json", {"input_shape": [3, 8, 8]}, "encoder.pt is damaged or of another encoder: "),
    ],
)
def test_files_of_another_version(trained: Trained, home: Home, file: str, change: Any, sentence: str) -> None:
    path = home.run(trained.run.run_id) / file
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(errors.CheckpointError) as error:
        load_encoder(path.parent)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_weights_that_are_no_weights(trained: Trained, home: Home) -> None:
    class Code:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, ("harm",)

    folder = home.run(trained.run.run_id) / "encoder"
    torch.save({"weight": Code()}, folder / "encoder.pt")
    with pytest.raises(errors.CheckpointError, match=r"encoder\.pt is refused: it holds more than tensors"):
        load_encoder(folder)
    assert not Path("harm").exists()
    (folder / "encoder.pt").write_bytes(b"PK\x03\x04")
    with pytest.raises(errors.CheckpointError, match=r"encoder\.pt is damaged or of another encoder"):
        load_encoder(folder)


def test_folders_without_an_encoder(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(errors.CheckpointError, match="empty has neither a checkpoint nor an exported encoder in it"):
        load_encoder(tmp_path / "empty")
    with pytest.raises(errors.CheckpointError, match="gone does not exist"):
        load_encoder(tmp_path / "gone")
    (tmp_path / "fruit").mkdir()
    with pytest.raises(errors.CheckpointError, match=r"^fruit has neither .*, and the MLflow store "):
        load_encoder("fruit", home=trained.home.root)
