"""Files of other types are counted and told; a split that lacks a class is told of and used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from field.folder_trees import grow, trial_file
from made_images import make_images
from packs import file_of
from PIL import Image
from torch import nn
from typer.testing import CliRunner

from hmlc_ray.cli.app import app
from hmlc_ray.config.data import DataConfig, ImageFolderConfig, ManifestConfig
from hmlc_ray.config.points import MeshFolderConfig
from hmlc_ray.config.trial import TrialConfig
from hmlc_ray.data import load_data
from hmlc_ray.data.notes import warn_about
from hmlc_ray.errors import DataError, TaxonomyError
from hmlc_ray.evaluation import evaluate
from hmlc_ray.folders import IMAGE_SUFFIXES, MESH_SUFFIXES, scan_folder
from hmlc_ray.folders.suffixes import PLUGINS
from hmlc_ray.runs.recording import data_tags
from hmlc_ray.study import schema

FORMATS = {".JFIF": "JPEG", ".avif": "AVIF", ".jp2": "JPEG2000", ".webp": "WEBP", ".TIF": "TIFF", ".gif": "GIF"}
FORMATS |= {".bmp": "BMP", ".ppm": "PPM", ".tga": "TGA", ".pcx": "PCX", ".apng": "PNG", ".jpe": "JPEG"}


def load(root: Path, **values: object) -> object:
    return load_data(ImageFolderConfig.model_validate({"root": str(root), "image_size": 8, **values}))


def test_every_suffix_that_is_read_is_one_of_pillows() -> None:
    assert set(Image.registered_extensions()) >= IMAGE_SUFFIXES - PLUGINS.keys()


def test_images_of_every_usual_format_are_read(tmp_path: Path) -> None:
    for i, (suffix, kind) in enumerate(FORMATS.items()):
        for name in ("a", "b"):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.new("RGB", (16, 16), (200, 10 * i, 0)).save(tmp_path / name / f"{i}{suffix}", format=kind)
    data = load(tmp_path)
    assert sum(len(part) for part in (data.train, data.val, data.test)) == 2 * len(FORMATS)
    assert data.notes == ()


def test_the_first_frame_of_a_moving_picture_is_taken(tmp_path: Path) -> None:
    first, second = Image.new("L", (9, 9), 250), Image.new("L", (9, 9), 0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        for i, suffix in enumerate((".gif", ".tif", ".png")):
            first.save(tmp_path / name / f"{i}{suffix}", save_all=True, append_images=[second])
    data = load(tmp_path)
    assert min(int(part.at(torch.arange(len(part))).min()) for part in (data.train, data.val, data.test)) == 250


def test_files_of_other_types_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    make_images(tmp_path)
    for i in range(3):
        (tmp_path / "animal" / "cat" / f"{i}.HEIC").touch()
    (tmp_path / "animal" / "cat" / "notes.txt").touch()
    (tmp_path / "thing" / "car" / "0").touch()
    data = load(tmp_path)
    heic = "3 .heic (read where the package pillow-heif is installed), 1 without a suffix, 1 .txt"
    assert data.notes == (f"files of other types are left out: {heic}",)
    warn_about(data)
    assert f"data: files of other types are left out: {heic}" in caplog.text
    assert data_tags(data, "cpu")[schema.DATA_NOTES] == data.notes[0]
    shown = CliRunner().invoke(app, ["data", "show", str(trial_file(tmp_path, root=str(tmp_path)))])
    assert f"note: {data.notes[0].replace('.txt', '.txt, 1 .yaml')}" in shown.output


def test_a_class_of_files_that_cannot_be_read_is_refused_with_their_suffix(tmp_path: Path) -> None:
    grow(tmp_path, ["a", "b"])
    grow(tmp_path, ["c"], suffix=".heic", count=12)
    with pytest.raises(DataError, match=r"class folder .*/c' holds no file of type .*\.png.*; it holds 12 \.heic"):
        scan_folder(tmp_path)


def test_a_heic_is_read_where_its_plugin_is_installed(tmp_path: Path) -> None:
    """With a stand-in for the plugin, which takes PNG's bytes for HEIF's."""
    make_images(tmp_path / "data")
    for file in [*(tmp_path / "data").rglob("*.png")]:
        file.rename(file.with_suffix(".heic"))
    (tmp_path / "pillow_heif.py").write_text("def register_heif_opener():\n    print('registered')\n")
    code = (
        "from hmlc_ray.config.data import ImageFolderConfig; from hmlc_ray.data import load_data;"
        "print(load_data(ImageFolderConfig(root='data', image_size=8)).notes)"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "HMLC_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["registered", "()"]


def test_folders_beside_samples_are_no_classes(tmp_path: Path) -> None:
    grow(tmp_path, ["chair", "table"], suffix=".obj")
    grow(tmp_path, ["chair/textures"], suffix=".jpg")
    tree = scan_folder(tmp_path, MESH_SUFFIXES)
    assert tree.leaf_paths == (("chair",), ("table",))
    assert "folders without a sample are left out: 'chair/textures'" in tree.notes


def test_an_empty_class_folder_is_told_of(tmp_path: Path) -> None:
    make_images(tmp_path)
    (tmp_path / "animal" / "yak").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "README.md").touch()
    data = load(tmp_path)
    assert data.taxonomy.num_leaves == 3
    assert "folders without a sample are left out: 'animal/yak', 'docs'" in data.notes


# --- splits that lack classes


def folders(root: Path) -> DataConfig:
    for split, names in (("train", "abc"), ("val", "ab"), ("test", "bc")):
        make_images(root / split, names)
    (root / "val" / "c").mkdir()
    return ImageFolderConfig(root=str(root), image_size=8)


def manifest(root: Path) -> DataConfig:
    folders(root)
    rows = [f"{file.relative_to(root)},{file.parts[-2]},{file.parts[-3]}" for file in root.rglob("*.png")]
    (root / "list.csv").write_text("\n".join(["path,leaf,split", *rows]))
    return ManifestConfig(file=str(root / "list.csv"), image_size=8)


def meshes(root: Path) -> DataConfig:
    corners = "OFF\n4 4 0\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n3 0 2 1\n3 0 1 3\n3 0 3 2\n3 1 2 3\n"
    for split, names in (("train", "abc"), ("val", "ab"), ("test", "bc")):
        for name in names:
            (root / split / name).mkdir(parents=True)
            (root / split / name / "0.off").write_text(corners + f"# {split}{name}\n")
    return MeshFolderConfig(root=str(root), num_points=16)


@pytest.mark.parametrize("make", [folders, manifest, meshes])
def test_a_split_that_lacks_a_class_is_used_and_told_of(tmp_path: Path, make: object, monkeypatch: object) -> None:
    data = load_data(make(tmp_path))
    assert data.taxonomy.class_names == (("a", "b", "c"),)
    assert sorted(set(data.val.leaf.tolist())) == [0, 1]
    assert sorted(set(data.test.leaf.tolist())) == [1, 2]
    lacks = [note for note in data.notes if "has no sample" in note]
    assert [note.partition(",")[0] for note in lacks] == [
        "val has no sample of 1 of 3 classes: 'c'",
        "test has no sample of 1 of 3 classes: 'a'",
    ]


@pytest.mark.parametrize("make", [folders, manifest, meshes])
def test_a_class_that_train_lacks_is_refused_unless_it_is_to_be_kept(tmp_path: Path, make: object) -> None:
    config = make(tmp_path)
    if make is manifest:
        text = (tmp_path / "list.csv").read_text()
        (tmp_path / "list.csv").write_text(text.replace(",c,train", ",b,train"))
    for file in (tmp_path / "train" / "c").iterdir() if make is not manifest else ():
        file.unlink()
    with pytest.raises(DataError, match=r"'c'.*data\.untrained: keep"):
        load_data(config)
    data = load_data(config.model_copy(update={"untrained": "keep"}))
    assert "train has no sample of 1 of 3 classes: 'c'" in "".join(data.notes)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_figures_of_splits_that_lack_classes_are_finite_and_those_of_the_classes_there(tmp_path: Path) -> None:
    values = folders(tmp_path).model_dump(mode="json") | {"untrained": "keep"}
    for file in (tmp_path / "train" / "c").iterdir():
        file.unlink()
    config = TrialConfig.model_validate({"data": values, "evaluation": {"probe_regularisation": [0.1]}})
    data, encoder = load_data(config.data), nn.Flatten()
    for split, present in (("val", [0, 1]), ("test", [1, 2])):
        found = evaluate(encoder, data, config, split=split, device=torch.device("cpu"), full=True)
        assert all(np.isfinite(value) for value in found.metrics.values())
        assert (found.confusion["level0"].sum(axis=1) > 0).nonzero()[0].tolist() == present
        assert found.confusion["level0"][:, 2].sum() == 0, "nothing is taken for a class that was never seen"


def test_a_level_of_one_class_that_was_declared_is_told_of(tmp_path: Path) -> None:
    make_images(tmp_path / "animal", "abc")
    assert load(tmp_path).taxonomy.num_levels == 1
    data = load(tmp_path, level_names=["realm", "kind"])
    assert data.taxonomy.num_classes == (1, 3)
    assert any("the level 'realm' has one class, 'animal'" in note for note in data.notes)


def test_the_real_grocery_store_is_read_as_folders() -> None:
    root = file_of("grocery-128")
    with pytest.raises(TaxonomyError, match=r"is uneven: .*data\.uneven: fill"):
        scan_folder(root)
    with pytest.raises(
        DataError, match=r"differ in classes: 'Vegetables/Mushroom/Brown-Cap-Mushroom' in test but not in"
    ):
        scan_folder(root, uneven="fill")
    tree = scan_folder(root, uneven="fill", untrained=True)
    assert {name: sum(map(len, files)) for name, files in tree.files.items()} == {
        "train": 2640,
        "val": 296,
        "test": 2485,
    }
    assert [note.partition(":")[0] for note in tree.lacks()] == [
        "train has no sample of 1 of 82 classes",
        "val has no sample of 22 of 82 classes",
        "test has no sample of 1 of 82 classes",
    ]
