"""What systems, storage, archives and editors leave behind is no data, whoever walks through the folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from field.folder_trees import grow
from made_images import make_images

from hmlc_ray.config.data import ImageFolderConfig, TinyImagenetConfig
from hmlc_ray.data import load_data
from hmlc_ray.data.modelnet import _meshes
from hmlc_ray.data.tiny_imagenet import _images
from hmlc_ray.errors import DataError
from hmlc_ray.folders import scan_folder
from hmlc_ray.folders.litter import is_litter
from hmlc_ray.folders.walk import sample_files

FOLDERS = (
    "@eaDir",
    "__MACOSX",
    "#recycle",
    "#snapshot",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
    ".ipynb_checkpoints",
    ".git",
    ".svn",
    "__pycache__",
    ".thumbnails",
    ".Trash-1000",
    "@Recycle",
    ".AppleDouble",
    ".Spotlight-V100",
    ".fseventsd",
    ".stfolder",
    ".sync",
    ".@__thumb",
)
FILES = (
    ".DS_Store",
    "._0.png",
    "Thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "0.png~",
    "~$0.png",
    "0.png.part",
    "0.png.crdownload",
    "0.png.tmp",
    ".0.png.swp",
    ".~lock.0.png#",
    "SYNOFILE_THUMB_M.png",
)


def strew(root: Path) -> None:
    """Litter in every folder below the root, with images in its folders."""
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        for name in FILES:
            (folder / name).write_bytes(b"x")
        grow(folder, [f"{name}/0" for name in FOLDERS])
        grow(folder, FOLDERS)


@pytest.mark.parametrize("name", [*FOLDERS, *FILES])
def test_each_is_known_in_any_case(name: str) -> None:
    assert is_litter(name)
    assert is_litter(name.upper())


@pytest.mark.parametrize("name", ["0.png", "recycle", "git", "a.b", "trash", "part.png", "temp", "#1", "@home", "~x"])
def test_names_of_data_are_not(name: str) -> None:
    assert not is_litter(name)


def test_the_data_set_and_its_fingerprint_are_those_without_it(tmp_path: Path) -> None:
    config = ImageFolderConfig(root=str(make_images(tmp_path / "data")), image_size=8)
    clean = load_data(config)
    strew(tmp_path / "data")
    littered = load_data(config)
    assert littered.fingerprint == clean.fingerprint
    assert littered.notes == clean.notes == ()


def test_splits_are_seen_through_it(tmp_path: Path) -> None:
    grow(tmp_path, ["train/cat", "train/dog", "valid/cat", "valid/dog"])
    strew(tmp_path)
    tree = scan_folder(tmp_path)
    assert (tree.leaf_paths, tuple(tree.files), tree.notes) == ((("cat",), ("dog",)), ("train", "val"), ())


def test_published_layouts_are_read_without_it(tmp_path: Path) -> None:
    grow(tmp_path, ["chair/train"], suffix=".off", count=2)
    grow(tmp_path, ["n01/images"], count=2)
    (tmp_path / "chair" / "train" / "._0.off").write_bytes(b"\0\5\x16\7")
    strew(tmp_path)
    assert [file.name for file in _meshes(tmp_path / "chair" / "train")] == ["0.off", "1.off"]
    assert [file.name for file in _images(tmp_path / "n01")] == ["0.png", "1.png"]
    with pytest.raises(DataError, match="holds no folder train/<wnid>"):
        load_data(TinyImagenetConfig(root=str(tmp_path)))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    grow(tmp_path, ["a"])
    os.mkfifo(tmp_path / "a" / "pipe.png")
    assert [file.name for file in sample_files(tmp_path / "a", frozenset({".png"}))] == ["0.png"]


def test_a_link_in_a_circle_is_refused_at_once(tmp_path: Path) -> None:
    grow(tmp_path, ["a", "b/c"])
    for name in "xyz":  # followed blindly, 3^40 folders
        (tmp_path / "b" / "c" / name).symlink_to(tmp_path / "b")
    with pytest.raises(
        DataError, match=r"cannot read the folder '.*/b/c/x': it is a link to a folder that contains it"
    ):
        scan_folder(tmp_path)


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(tmp_path, ["a", "b"])
    scandir = os.scandir

    def refuse(folder: Path) -> object:
        if Path(folder).name == "b":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match=r"cannot read the folder '.*/b': Permission denied"):
        scan_folder(tmp_path)
