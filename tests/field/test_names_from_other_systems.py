"""Names of classes and levels may hold anything that file systems and people put in them."""

from __future__ import annotations

import csv
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from field.folder_trees import grow, trial_file
from hypothesis import given
from hypothesis import strategies as st
from made_images import make_images
from typer.testing import CliRunner

from hmlc_ray.api.progress import epoch_state
from hmlc_ray.cli.app import app
from hmlc_ray.config.data import ImageFolderConfig
from hmlc_ray.config.metrics import check_metric
from hmlc_ray.config.sweep import StudyConfig
from hmlc_ray.data import load_data
from hmlc_ray.errors import ConfigError, DataError
from hmlc_ray.evaluation.confusion_files import write_confusion
from hmlc_ray.evaluation.figures import per_level
from hmlc_ray.folders import scan_folder
from hmlc_ray.folders.manifest import read_manifest
from hmlc_ray.names.levels import readable_name
from hmlc_ray.names.metrics import metric_key
from hmlc_ray.study.leaderboard import rows_of
from hmlc_ray.taxonomy import Taxonomy
from hmlc_ray.tracking import TrialRun

COMPOSED, DECOMPOSED = unicodedata.normalize("NFC", "Bär"), unicodedata.normalize("NFD", "Bär")
ODD = ("$x^$", "$a", r"\frac{", "x_{", "50 %", "#1", "a|b", "[b]", "<i>", "*", "`", "植物", "", "🦊", "a\u202eb")


def test_splits_from_two_systems_have_the_same_classes(tmp_path: Path) -> None:
    grow(tmp_path, [f"train/{COMPOSED}", "train/Fuchs", f"val/{DECOMPOSED}", "val/Fuchs"])
    tree = scan_folder(tmp_path)
    assert tree.leaf_paths == ((COMPOSED,), ("Fuchs",))
    assert [len(leaf) for leaf in tree.files["val"]] == [1, 1]


def test_one_name_in_both_forms_side_by_side_is_one_class(tmp_path: Path) -> None:
    grow(tmp_path, [COMPOSED, DECOMPOSED, "Fuchs"])
    tree = scan_folder(tmp_path)
    assert [len(leaf) for leaf in tree.files["train"]] == [2, 1]


def test_tables_settings_and_metrics_are_composed_too(tmp_path: Path) -> None:
    grow(tmp_path, [DECOMPOSED, "Fuchs"])
    (tmp_path / "taxonomy.csv").write_text(f"leaf,kind\n{COMPOSED},b\nFuchs,f\n", encoding="utf-8")
    assert scan_folder(tmp_path).leaf_paths == (("b", COMPOSED), ("f", "Fuchs"))
    rows = f"path,leaf\n{DECOMPOSED}/0.png,{DECOMPOSED}\nFuchs/0.png,{COMPOSED}\n"
    (tmp_path / "list.csv").write_text(rows, encoding="utf-8")
    assert read_manifest(tmp_path / "list.csv").leaf_paths == ((COMPOSED,),)
    data = ImageFolderConfig(root="x", level_names=(DECOMPOSED, "b"))
    study = StudyConfig(name="s", objective_metric=f"val/probe_top1/{DECOMPOSED}")
    assert data.level_names == (COMPOSED, "b")
    check_metric(study.objective_metric, data, "f")


def test_folders_that_are_no_utf8_are_read_under_a_name_that_can_be_written(tmp_path: Path) -> None:
    for number, name in enumerate((b"caf\xe9", b"bell\a", b"tea")):
        make_images(tmp_path, [str(number)], 4)
        os.rename(tmp_path / str(number), os.path.join(os.fsencode(tmp_path), name))
    data = load_data(ImageFolderConfig(root=str(tmp_path), image_size=8))
    assert data.taxonomy.class_names == (("bell?", "caf?", "tea"),)
    assert any("names that are not UTF-8" in note and "to 'bell?'" in note for note in data.notes), data.notes


def test_folders_that_would_get_the_same_name_are_refused(tmp_path: Path) -> None:
    for name in (b"caf\xe9", b"caf\xe8", b"tea"):
        os.makedirs(os.path.join(os.fsencode(tmp_path), name))
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name, b"0.png"))).touch()
    with pytest.raises(DataError, match=r"several folders that would be called 'caf\?'.*rename them"):
        scan_folder(tmp_path)


@given(st.binary(min_size=1, max_size=12))
def test_any_bytes_have_a_name_that_utf8_can_hold(raw: bytes) -> None:
    name = readable_name(os.fsdecode(raw))
    assert name.encode("utf-8").decode("utf-8").isprintable() or not name.isascii()
    assert readable_name(name) == name == unicodedata.normalize("NFC", name)


def test_any_name_is_drawn_and_tabulated(tmp_path: Path) -> None:
    taxonomy = Taxonomy.from_paths(ODD[:2], [(ODD[2], name) for name in ODD])
    matrices = {"val": {ODD[0]: np.eye(1, dtype=np.int64), ODD[1]: np.eye(len(ODD), dtype=np.int64)}}
    written = write_confusion(taxonomy, matrices, tmp_path)
    assert sorted(file.suffix for file in written) == [".csv", ".csv", ".png", ".png"]
    with written[2].open(encoding="utf-8", newline="") as table:
        assert next(csv.reader(table))[1:] == list(ODD)


LEVELS = ("Family/Genus", "a/b/c", "Größe (cm)", "$x^$", "Art: 1", "..x", "mean/leaf")


@pytest.mark.parametrize("level", LEVELS)
def test_any_level_can_be_the_objective(level: str) -> None:
    data = ImageFolderConfig(root="x", level_names=(level, "breed"))
    name = f"val/probe_top1/{level}"
    check_metric(name, data, "f")
    with pytest.raises(ConfigError, match=r"did you mean"):
        check_metric(f"{name}x", data, "f")
    study = StudyConfig(name="s", objective_metric=name)
    run = TrialRun("r", "0", "FINISHED", {}, {metric_key(name): 0.5}, {"hmlc.status": "completed"})
    assert rows_of([run], study)[0].value == 0.5


def test_levels_with_slashes_are_shown_while_a_run_goes_on() -> None:
    taxonomy = Taxonomy.from_paths(("Family/Genus", "x"), [("a", "b"), ("a", "c")])
    metrics = {"train/loss": 1.0, "train/loss/Family/Genus": 0.5}
    metrics |= {f"val/{name}": value for name, value in per_level("probe_top1", taxonomy, [0.25, 0.75]).items()}
    assert epoch_state(metrics) == (
        "loss 1.0000 (Family/Genus 0.5000), val probe 0.5000 (Family/Genus 0.2500, x 0.7500)"
    )


def test_levels_that_mlflow_would_take_for_one_are_refused_before_anything_starts(tmp_path: Path) -> None:
    grow(tmp_path / "data", ["a/x", "b/y"])
    file = trial_file(tmp_path, root=str(tmp_path / "data"), level_names=["a$", "a#"])
    done = CliRunner().invoke(app, ["check", str(file)])
    assert (done.exit_code, "would be one in MLflow" in done.stderr) == (2, True), done.output
