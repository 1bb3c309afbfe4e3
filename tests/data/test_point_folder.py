"""Folders of point clouds: the layouts, splits, litter and errors of all folders."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from hmlc_ray.config.points import PointFolderConfig
from hmlc_ray.data import DataSet, load_data
from hmlc_ray.errors import DataError, UserError

CLASSES = {"fruit/apple": 6, "fruit/pear": 5, "tool/saw": 7}


def folder(root: Path, **settings: object) -> PointFolderConfig:
    return PointFolderConfig.model_validate({"root": str(root), "num_points": 16, **settings})


def write_cloud(file: Path, seed: int, points: int = 30) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    table = np.random.default_rng(seed).normal(size=(points, 3))
    if file.suffix == ".npy":
        np.save(file, table)
    else:
        file.write_text("\n".join(" ".join(map(str, row)) for row in table) + "\n")


def write_classes(root: Path, counts: dict[str, int] = CLASSES, suffix: str = ".npy", points: int = 30) -> Path:
    for number, (name, count) in enumerate(counts.items()):
        for index in range(count):
            write_cloud(root / name / f"{index:02}{suffix}", 100 * number + index, points)
    return root


def sizes(data: DataSet) -> list[int]:
    assert data.val is not None
    return [len(part) for part in (data.train, data.val, data.test)]


@pytest.mark.parametrize("suffix", [".npy", ".txt", ".xyz", ".NPY"])
def test_a_folder_becomes_clouds_under_its_tree(tmp_path: Path, suffix: str) -> None:
    write_classes(tmp_path, suffix=suffix.lower())
    for file in list(tmp_path.rglob("*.*")):
        file.rename(file.with_suffix(suffix))
    data = load_data(folder(tmp_path, level_names=("kind", "thing")))
    assert data.taxonomy.class_names == (("fruit", "tool"), ("apple", "pear", "saw"))
    assert data.input_shape == (16, 3)
    assert sum(sizes(data)) == 18
    assert data.train.inputs is data.test.inputs
    assert data.train.paths is not None
    assert len(data.train.paths) == 18
    own = [data.train.paths[int(row)] for row in data.train.rows]  # type: ignore[union-attr]
    assert [Path(path).parent.name for path in own] == [
        data.taxonomy.class_names[1][leaf] for leaf in data.train.leaf.tolist()
    ]


def test_given_splits_litter_and_tables_are_those_of_every_folder(tmp_path: Path) -> None:
    for name, count in (("Train", 4), ("valid", 2), ("test", 3)):
        write_classes(tmp_path / name, dict.fromkeys(CLASSES, count))
    (tmp_path / "Train" / "fruit" / "apple" / "._00.npy").write_bytes(b"litter")
    (tmp_path / "Train" / "fruit" / "apple" / "x.npy~").write_bytes(b"litter")
    assert sizes(load_data(folder(tmp_path))) == [12, 6, 9]


def test_texts_beside_clouds_are_documents(tmp_path: Path) -> None:
    """A README among arrays, lists beside classes as ModelNet40 has them, and a license in a class of texts."""
    write_classes(tmp_path, {"fruit": 5, "tool": 5}, ".npy")
    write_classes(tmp_path, {"toy": 5}, ".txt")
    for name in ("README.txt", "filelist.txt", "fruit/readme.txt", "toy/LICENSE.txt", "docs/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no points")
    data = load_data(folder(tmp_path))
    assert data.taxonomy.class_names == (("fruit", "tool", "toy"),)
    assert sum(sizes(data)) == 15
    assert any("5 .txt" in note for note in data.notes)


def test_a_class_whose_files_are_called_as_a_split_keeps_them(tmp_path: Path) -> None:
    for index in range(5):
        write_cloud(tmp_path / "vehicle" / "train" / f"train_{index:04}.txt", index)
        write_cloud(tmp_path / "vehicle" / "car" / f"car_{index:04}.txt", 50 + index)
    assert sum(sizes(load_data(folder(tmp_path, splits="none")))) == 10


def test_the_fingerprint_follows_content_and_settings(tmp_path: Path) -> None:
    one = load_data(folder(write_classes(tmp_path / "a"))).fingerprint
    assert load_data(folder(write_classes(tmp_path / "b"))).fingerprint == one
    for other in (
        {"sample_seed": 1},
        {"num_points": 17},
        {"scaling": "none"},
        {"split_seed": 1},
        {"limit_per_leaf": 2},
    ):
        assert load_data(folder(tmp_path / "a", **other)).fingerprint != one, other


def test_bad_files_are_refused_or_skipped_and_few_points_are_noted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (write_classes(tmp_path, points=9) / "fruit" / "apple" / "torn.npy").write_bytes(b"\x93NUMPY\1\0")
    with pytest.raises(DataError, match=r"cannot use the point cloud '.*torn\.npy': .*not an NPY.*on_bad_file: skip"):
        load_data(folder(tmp_path))
    with caplog.at_level(logging.WARNING):
        data = load_data(folder(tmp_path, on_bad_file="skip"))
    assert sum(sizes(data)) == 18
    assert "18 of 19 point clouds were repaired; the first" in caplog.text
    assert "there are 9 points, which are repeated" in caplog.text
    assert "1 of 19 point clouds were skipped; the first" in caplog.text


@pytest.mark.parametrize(
    ("files", "settings", "reason"),
    [
        (["a/x.png", "b/y.png"], {}, r"holds no file of type \.npy, \.npz, \.ply, \.pts, \.txt, \.xyz"),
        (["x.npy"], {}, "holds no class folder"),
        (["a/x.npy", "a/b/y.npy"], {}, "the tree is uneven"),
        (["a/b/x.npy", "c/y.npy"], {}, "is uneven"),
        (["a/x.npy", "b/y.npy"], {"level_names": ("one", "two")}, "level_names holds 2 names"),
    ],
)
def test_what_is_wrong_with_a_folder_is_one_sentence(
    tmp_path: Path, files: list[str], settings: dict[str, object], reason: str
) -> None:
    for number, name in enumerate(files):
        write_cloud((tmp_path / name).with_suffix(".npy"), number)
        (tmp_path / name).with_suffix(".npy").rename(tmp_path / name)
    with pytest.raises(UserError, match=reason) as caught:
        load_data(folder(tmp_path, **settings))
    assert "\n" not in str(caught.value)


def test_stored_clouds_are_in_the_ball_and_views_stay_near_it(tmp_path: Path) -> None:
    data = load_data(folder(write_classes(tmp_path)))
    torch.testing.assert_close(data.train.inputs[:].norm(dim=2).amax(dim=1), torch.ones(18))
