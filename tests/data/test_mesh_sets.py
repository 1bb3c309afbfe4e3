"""Mesh folders and ModelNet's layout: classes, splits without copies, and one sentence for what is wrong."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from hmlc_ray.config.data import MeshFolderConfig, ModelNetConfig
from hmlc_ray.data import DataSet, load_data
from hmlc_ray.errors import ConfigError, DataError, TaxonomyError, UserError
from hmlc_ray.taxonomies.named import (
    MODELNET10_CLASSES,
    MODELNET40_COUNTS,
    MODELNET40_GROUPS,
    NAMED,
    modelnet40_taxonomy,
)

sys.path.insert(0, str(Path(__file__).parents[1] / "meshes"))
from made_meshes import BOX, write, write_classes

CLASSES = {"fruit/apple": 6, "fruit/pear": 5, "tool/saw": 7}


def folder(root: Path, **settings: object) -> MeshFolderConfig:
    return MeshFolderConfig.model_validate({"root": str(root), "num_points": 16, **settings})


def parts(data: DataSet) -> list[int]:
    assert data.val is not None
    return [len(part) for part in (data.train, data.val, data.test)]


@pytest.mark.parametrize("suffix", [".off", ".ply", ".stl", ".obj", ".glb"])
def test_a_folder_of_any_format_becomes_clouds_under_its_tree(tmp_path: Path, suffix: str) -> None:
    data = load_data(folder(write_classes(tmp_path, CLASSES, suffix), level_names=("kind", "thing")))
    assert data.taxonomy.class_names == (("fruit", "tool"), ("apple", "pear", "saw"))
    assert data.taxonomy.level_names == ("kind", "thing")
    assert data.input_shape == (16, 3)
    assert sum(parts(data)) == 18
    assert data.train.inputs.dtype == torch.float32


def test_splits_share_one_array_and_know_their_classes(tmp_path: Path) -> None:
    data = load_data(folder(write_classes(tmp_path, CLASSES)))
    assert data.val is not None
    assert data.train.inputs is data.val.inputs is data.test.inputs
    rows = torch.cat([part.rows for part in (data.train, data.val, data.test) if part.rows is not None])
    assert sorted(rows.tolist()) == list(range(18))
    own = np.repeat([0, 1, 2], list(CLASSES.values()))
    for part in (data.train, data.val, data.test):
        assert part.rows is not None
        assert part.leaf.tolist() == own[part.rows.numpy()].tolist()
        assert torch.equal(part.at(torch.arange(len(part))), part.inputs[part.rows])


def test_given_splits_are_kept(tmp_path: Path) -> None:
    for name, count in (("train", 4), ("val", 2), ("test", 3)):
        write_classes(tmp_path / name, dict.fromkeys(CLASSES, count))
    assert parts(load_data(folder(tmp_path))) == [12, 6, 9]


def test_the_fingerprint_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    one = load_data(folder(write_classes(tmp_path / "a", CLASSES))).fingerprint
    assert load_data(folder(write_classes(tmp_path / "b", CLASSES))).fingerprint == one
    assert load_data(folder(tmp_path / "a", sample_seed=1)).fingerprint != one
    assert load_data(folder(tmp_path / "a", split_seed=1)).fingerprint != one
    write(tmp_path / "b" / "fruit" / "apple" / "00.off", BOX)
    assert load_data(folder(tmp_path / "b")).fingerprint != one


def test_normals_make_six_channels(tmp_path: Path) -> None:
    data = load_data(folder(write_classes(tmp_path, CLASSES), normals=True))
    assert data.input_shape == (16, 6)
    cloud = data.train.at(torch.arange(5))
    torch.testing.assert_close(cloud[..., 3:].norm(dim=2), torch.ones(5, 16))
    torch.testing.assert_close(cloud[..., :3].norm(dim=2).amax(dim=1), torch.ones(5))


def test_bad_files_are_refused_or_skipped_with_a_count(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(write_classes(tmp_path, CLASSES) / "fruit" / "apple" / "torn.off", BOX[:70])
    with pytest.raises(DataError, match=r"cannot use the mesh '.*torn\.off': the file is cut off; .*on_bad_file: skip"):
        load_data(folder(tmp_path))
    with caplog.at_level(logging.WARNING):
        data = load_data(folder(tmp_path, on_bad_file="skip"))
    assert sum(parts(data)) == 18
    assert "1 of 19 meshes were skipped; the first: '" in caplog.messages[0]
    with pytest.raises(DataError, match="the file is cut off"):
        load_data(folder(tmp_path))


def test_too_few_sound_meshes_are_told_by_class(tmp_path: Path) -> None:
    write_classes(tmp_path, CLASSES)
    for number in range(5):
        write(tmp_path / "fruit" / "pear" / f"{number:02}.off", BOX[:70])
    with pytest.raises(DataError, match="leaf 'pear' has 0 training samples, but at least 3"):
        load_data(folder(tmp_path, on_bad_file="skip"))


@pytest.mark.parametrize(
    ("files", "settings", "error", "reason"),
    [
        ({}, {}, DataError, "there is no data folder"),
        ({"a/x.png": BOX, "b/y.png": BOX}, {}, DataError, r"holds no file of type \.glb, \.obj, \.off, \.ply, \.stl"),
        ({"a/x.off": BOX, "b/c/y.off": BOX}, {}, TaxonomyError, "uneven"),
        ({"a/x.off": BOX, "a/y.off": BOX}, {}, TaxonomyError, "one class only"),
        (dict.fromkeys([f"{c}/{n}.off" for c in "ab" for n in range(4)], BOX), {"level_names": ("x", "y")}, ConfigError,
         "holds 2 names, but there is 1 level"),
    ],
)  # fmt: skip
def test_a_wrong_folder_is_one_sentence(
    tmp_path: Path, files: dict[str, bytes], settings: dict[str, object], error: type[UserError], reason: str
) -> None:
    for name, content in files.items():
        write(tmp_path / "set" / name, content)
    with pytest.raises(error, match=reason):
        load_data(folder(tmp_path / "set", **settings))


# --- ModelNet -----------------------------------------------------------------------------------------------------


def modelnet(root: Path, **settings: object) -> ModelNetConfig:
    return ModelNetConfig.model_validate({"root": str(root), "num_points": 16, **settings})


def published(root: Path, names: tuple[str, ...], train: int = 3, test: int = 2) -> Path:
    for name in names:
        write_classes(root / name, {"train": train, "test": test})
    return root


def test_the_published_layout_is_read_with_our_tree(tmp_path: Path) -> None:
    published(tmp_path / "ModelNet10", MODELNET10_CLASSES)
    data = load_data(modelnet(tmp_path, variant="modelnet10"))
    assert data.taxonomy.class_names[1] == MODELNET10_CLASSES
    assert data.taxonomy.num_classes == (3, 10)
    assert parts(data) == [20, 10, 20]
    flat = load_data(modelnet(tmp_path / "ModelNet10", variant="modelnet10", taxonomy="flat"))
    assert flat.taxonomy.num_classes == (10,)
    assert torch.equal(flat.test.leaf, data.test.leaf)


def test_missing_classes_are_told_or_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    published(tmp_path, ("bed", "sofa", "piano"), train=4)
    with pytest.raises(DataError, match=r"lacks 37 of the 40 classes of ModelNet40, 'airplane' for one; data\.classes"):
        load_data(modelnet(tmp_path))
    with caplog.at_level(logging.WARNING):
        data = load_data(modelnet(tmp_path, classes="present"))
    assert data.taxonomy.class_names == (("furniture", "instrument"), ("bed", "piano", "sofa"))
    assert "in 3 of 3 classes: of bed 4 and 2, not 515 and 100" in caplog.messages[0]
    with pytest.raises(DataError, match="holds no class folders of ModelNet40, such as 'airplane'"):
        load_data(modelnet(tmp_path / "bed", classes="present"))
    with pytest.raises(DataError, match="there is no data folder"):
        load_data(modelnet(tmp_path / "nowhere"))


def test_without_test_meshes_a_test_split_is_drawn(tmp_path: Path) -> None:
    for name in ("bed", "sofa"):
        write_classes(tmp_path / name, {"train": 5})
    assert parts(load_data(modelnet(tmp_path, classes="present"))) == [6, 2, 2]


def test_a_limit_takes_so_many_of_each_class_and_split(tmp_path: Path) -> None:
    published(tmp_path, ("bed", "sofa"), train=9, test=5)
    data = load_data(modelnet(tmp_path, classes="present", limit_per_class=4))
    assert parts(data) == [6, 2, 8]
    again = load_data(modelnet(tmp_path, classes="present", limit_per_class=4))
    assert again.fingerprint == data.fingerprint


def test_the_published_counts_are_those_of_the_paper_and_the_tree_covers_them() -> None:
    assert [sum(counts[part] for counts in MODELNET40_COUNTS.values()) for part in (0, 1)] == [9843, 2468]
    assert [sum(MODELNET40_COUNTS[name][part] for name in MODELNET10_CLASSES) for part in (0, 1)] == [3991, 908]
    assert sorted(" ".join(MODELNET40_GROUPS.values()).split()) == sorted(MODELNET40_COUNTS)
    assert modelnet40_taxonomy().class_names[1] == tuple(sorted(MODELNET40_COUNTS))
    assert NAMED["modelnet10"]().num_classes == (3, 10)
