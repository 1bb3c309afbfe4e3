"""`hmlc probe --open-set`: samples of no known class that a user names."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_features import write_features
from PIL import Image
from planted_classes import make_pairs
from typer.testing import CliRunner

from hmlc_ray import probe
from hmlc_ray.cli.app import app
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.errors import DataError
from hmlc_ray.training.checkpoint import save_checkpoint
from hmlc_ray.training.fit import fit

SMALL = {
    "encoder": {"kind": "mlp", "hidden_dim": 16, "feature_dim": 8},
    "training": {"epochs": 1, "global_batch_size": 16, "cpu_threads": 1, "device": "cpu"},
    "optimiser": {"warmup_epochs": 0},
    "evaluation": {"probe_regularisation": (0.1,), "probe_max_iter": 50, "neighbours": 3},
}


def trained(folder: Path, **values: Any) -> Path:
    """The checkpoint of a run of one epoch."""
    result = fit(TrialConfig.model_validate({**SMALL, **values}), lambda record, snapshot: None)
    save_checkpoint(folder / "checkpoint", result.checkpoint)
    return folder / "checkpoint"


@pytest.fixture(scope="module")
def of_features(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("features")
    encoder = {"kind": "identity"}
    data = {"kind": "features", "file": str(write_features(folder / "table", splits=True))}
    return trained(folder, data=data, encoder=encoder, objective={"kind": "a-hmlc"})


@pytest.fixture(scope="module")
def of_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    return trained(folder, data={"kind": "image-folder", "root": str(make_pairs(folder / "images")), "image_size": 8})


@pytest.fixture(scope="module")
def of_clouds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clouds")
    rng = np.random.default_rng(0)
    for leaf in ("a/x", "a/y", "b/z"):
        (folder / "clouds" / leaf).mkdir(parents=True)
        for number in range(6):
            np.save(folder / "clouds" / leaf / f"{number}.npy", rng.normal(size=(40, 3)).astype("f4"))
    return trained(folder, data={"kind": "point-folder", "root": str(folder / "clouds"), "num_points": 16})


def pictures(root: Path, *names: str, size: int = 11) -> Path:
    rng = np.random.default_rng(5)
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (size, size + 3, 3), dtype=np.uint8)).save(root / name)
    return root


def far_rows(file: Path, dims: int = 8, count: int = 20) -> Path:
    rows = np.random.default_rng(1).normal(size=(count, dims)).astype(np.float32) * 0.01
    rows[:, 0] -= 50
    np.save(file, rows)
    return file


def test_a_table_without_labels(of_features: Path, tmp_path: Path) -> None:
    plain = probe(of_features, split="test", home=tmp_path)
    metrics = probe(of_features, split="test", open_set=far_rows(tmp_path / "x.npy"), home=tmp_path)
    assert metrics["test/open_set_auroc_knn"] == 1
    assert {name: value for name, value in metrics.items() if "open_set" not in name} == plain
    (tmp_path / "labels.csv").write_text("leaf\np\n")  # of something else: all rows are taken
    np.savez(tmp_path / "features.npz", features=np.load(tmp_path / "x.npy"))
    assert probe(of_features, split="test", open_set=tmp_path, home=tmp_path) == metrics


def test_images_wherever_they_lie_or_as_a_list_names_them(of_images: Path, tmp_path: Path) -> None:
    root = pictures(tmp_path / "others", "loose.png", "cats/1.png", "cats/deep/2.png", "cats/deep/3.png")
    (root / "cats" / "notes.txt").write_text("of cats")
    metrics = probe(of_images, open_set=root, home=tmp_path)
    named = {name.rpartition("/")[0] for name in metrics if name.startswith("val/open_set")}
    assert named == {"val"} | {f"val/open_set_{r}_{s}" for r in ("auroc", "fpr95") for s in ("class_knn", "confidence")}
    (root / "list.csv").write_text("path\nloose.png\ncats/1.png\ncats\\deep\\2.png\ncats/deep/3.png\n")
    listed = probe(of_images, open_set=root / "list.csv", home=tmp_path)
    assert listed == pytest.approx(metrics)


def test_clouds_and_another_kind_of_data(of_clouds: Path, of_images: Path, tmp_path: Path) -> None:
    for number in range(5):
        np.savetxt(tmp_path / f"{number}.txt", np.random.default_rng(number).normal(size=(30, 3)))
    (tmp_path / "README.txt").write_text("not a cloud")
    metrics = probe(of_clouds, split="test", open_set=tmp_path, home=tmp_path / "home")
    assert 0 <= metrics["test/open_set_auroc_knn"] <= 1
    other = tmp_path / "other.yaml"
    root = make_pairs(tmp_path / "pairs", 5)
    for file in (root / "cod").iterdir():
        pictures(root, f"cod/{file.name}")
    other.write_text(f"data: {{kind: image-folder, root: {root}, image_size: 8}}")
    assert "val/open_set_auroc_knn" in probe(of_images, open_set=str(other), home=tmp_path)


def test_the_command(of_features: Path, tmp_path: Path) -> None:
    table = far_rows(tmp_path / "x.npy")
    done = CliRunner().invoke(app, ["probe", str(of_features), f"--open-set={table}", f"--home={tmp_path}"])
    assert done.exit_code == 0, done.output
    assert "val/open_set_auroc_knn: 1.0000" in done.output
    done = CliRunner().invoke(app, ["probe", str(of_features), "--open-set=none/at/all", f"--home={tmp_path}"])
    assert (done.exit_code, done.stderr[:47]) == (2, "hmlc: there is no folder, file or kind of data ")


def own_rows(of_features: Path, tmp_path: Path) -> Path:
    return of_features.parent / "table"


def wide_rows(of_features: Path, tmp_path: Path) -> Path:
    return far_rows(tmp_path / "x.npy", dims=9)


def broken_rows(of_features: Path, tmp_path: Path) -> Path:
    rows = np.load(far_rows(tmp_path / "x.npy"))
    rows[3:5, 1] = np.nan
    np.save(tmp_path / "x.npy", rows)
    return tmp_path / "x.npy"


def no_rows(of_features: Path, tmp_path: Path) -> Path:
    return far_rows(tmp_path / "x.npy", count=0)


REFUSED: dict[Callable[[Path, Path], Path], str] = {
    own_rows: r"48 of the 48 samples of .*table are samples of the run's own data, which have a class: the open set",
    wide_rows: r"the encoder takes samples of shape \[8\], but those of .*x.npy have \[9\]",
    broken_rows: r"row 3 of '.*x.npy' holds a number that is not finite, one of 2 such rows",
    no_rows: r"the table of features '.*x.npy' has no rows",
    lambda of_features, tmp_path: tmp_path / "none": r"there is no folder, file or kind of data '.*none'",
    lambda of_features, tmp_path: tmp_path: r"the folder '.*' holds none of features.npy",
}


@pytest.mark.parametrize("given", REFUSED)
def test_what_is_refused(given: Callable[[Path, Path], Path], of_features: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=REFUSED[given]):
        probe(of_features, open_set=given(of_features, tmp_path), home=tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("file,leaf\na.png,x\n", "has no column path, which lists files, but file, leaf"),
        ("path\n", "lists no file"),
        ("leaf,path\nx,none.png\n", r"line 2 of '.*list.csv': there is no file 'none.png'"),
        ("path\n../a.png\n", r"line 2 of '.*list.csv': the path '../a.png' leads out of"),
    ],
)
def test_lists_that_are_refused(content: str, reason: str, of_images: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(content)
    with pytest.raises(DataError, match=reason):
        probe(of_images, open_set=tmp_path / "list.csv", home=tmp_path)


def test_folders_without_images_or_with_a_broken_one(of_images: Path, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.heif2").write_text("?")
    with pytest.raises(DataError, match=r"holds no file of type .jpg, .* it holds 1 .heif2"):
        probe(of_images, open_set=tmp_path / "x", home=tmp_path)
    pictures(tmp_path / "y", "a.png")
    (tmp_path / "y" / "b.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"cannot read the image '.*b.png'"):
        probe(of_images, open_set=tmp_path / "y", home=tmp_path)


def test_a_few_known_samples_are_a_warning(of_features: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows = np.load(far_rows(tmp_path / "x.npy"))
    rows[:2] = np.load(of_features.parent / "table" / "features.npy")[:2]
    np.save(tmp_path / "x.npy", rows)
    with caplog.at_level(logging.WARNING):
        probe(of_features, open_set=tmp_path / "x.npy", home=tmp_path)
    assert "2 of the 20 samples of" in caplog.text
