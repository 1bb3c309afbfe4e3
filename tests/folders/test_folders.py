"""The structure of data folders, and every way in which it can be wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from hmlc_ray.errors import DataError, TaxonomyError
from hmlc_ray.folders import scan_folder

NESTED = ("animal/cat/0.png", "animal/dog/0.JPG", "animal/dog/1.png", "thing/car/0.jpeg")


def touch(root: Path, files: Iterable[str]) -> Path:
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_nested_folders_are_paths_and_files_are_sorted(tmp_path: Path) -> None:
    touch(tmp_path, (*NESTED, "README.txt", ".cache/x/0.png", "animal/cat/notes.csv", "animal/cat/.0.png.swp"))
    tree = scan_folder(tmp_path)
    assert tree.depth == 2
    assert tree.level_names == ("level0", "level1")
    assert tree.leaf_paths == (("animal", "cat"), ("animal", "dog"), ("thing", "car"))
    assert [[file.name for file in files] for files in tree.files["train"]] == [
        ["0.png"],
        ["0.JPG", "1.png"],
        ["0.jpeg"],
    ]
    assert list(tree.files) == ["train"]


@pytest.mark.parametrize("given", [("train",), ("train", "test"), ("train", "val"), ("train", "val", "test")])
def test_given_splits_are_found(tmp_path: Path, given: tuple[str, ...]) -> None:
    for split in given:
        touch(tmp_path / split, NESTED)
    tree = scan_folder(tmp_path)
    assert tuple(tree.files) == given
    assert tree.leaf_paths[0] == ("animal", "cat")


def test_a_class_called_train_is_a_class(tmp_path: Path) -> None:
    tree = scan_folder(touch(tmp_path, ("train/0.png", "bus/0.png")))
    assert tree.leaf_paths == (("bus",), ("train",))


def test_a_table_gives_flat_leaves_their_parents(tmp_path: Path) -> None:
    touch(tmp_path, ("cat/0.png", "car/0.png"))
    rows = "\ufeffLeaf, parent ,grandparent\ncar,vehicle,thing\n\n cat,pet,animal\nyak,farm,animal\n"
    (tmp_path / "taxonomy.csv").write_text(rows, encoding="utf-8")
    tree = scan_folder(tmp_path)
    assert tree.level_names == ("grandparent", "parent", "Leaf")
    assert tree.leaf_paths == (("thing", "vehicle", "car"), ("animal", "pet", "cat"))


WRONG_FOLDERS: dict[str, tuple[tuple[str, ...], type[Exception], str]] = {
    "empty": ((), DataError, "holds no class folder"),
    "only other files": (("a/0.txt", "b/0.txt"), DataError, "class folder .*a' holds no file of type .*png"),
    "files at the root": (("0.png", "1.png"), DataError, "holds no class folder"),
    "files beside folders": (
        ("a/0.png", "a/b/0.png"),
        TaxonomyError,
        "uneven: '0.png' lies in .* beside class folders",
    ),
    "uneven": (("a/b/0.png", "c/0.png"), TaxonomyError, "is uneven: 'c' lies 1 deep and 'a/b' 2;"),
    "one class": (("a/b/0.png",), TaxonomyError, "one class only, 'a/b'; at least two are needed"),
    "no train": (("test/a/0.png", "val/a/0.png"), DataError, "holds test and val, but no `train` folder"),
    "splits differ, many": (
        ("train/a/0.png", *(f"test/{name}/0.png" for name in "abcdef")),
        DataError,
        "differ in classes: 'b', 'c', 'd' and 2 more in test but not in train",
    ),
}


@pytest.mark.parametrize(("files", "error", "message"), WRONG_FOLDERS.values(), ids=WRONG_FOLDERS)
def test_a_wrong_folder_is_told_in_one_sentence(
    tmp_path: Path, files: tuple[str, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        scan_folder(touch(tmp_path, files))
    assert "\n" not in str(caught.value)


def test_an_empty_class_folder_and_a_missing_root_are_named(tmp_path: Path) -> None:
    touch(tmp_path, ("a/0.png",))
    (tmp_path / "b").mkdir()
    with pytest.raises(TaxonomyError, match=r"one class only, 'a'; at least two are needed \(no sample lies in 'b'\)"):
        scan_folder(tmp_path)
    with pytest.raises(DataError, match=r"there is no data folder .*nowhere"):
        scan_folder(tmp_path / "nowhere")
    with pytest.raises(DataError, match="there is no data folder"):
        scan_folder(tmp_path / "a" / "0.png")


def test_a_folder_that_links_to_itself_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, ("a/0.png",))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "again").symlink_to(tmp_path / "b")
    with pytest.raises(DataError, match="cannot read the folder"):
        scan_folder(tmp_path)


WRONG_TABLES = {
    "empty": ("", "is empty; its first line must be a header"),
    "no header": ("a,x\nb,x\n", "whose first is `leaf`, got 'a,x'"),
    "repeated column": ("leaf,parent,parent\na,x,y\n", "header of .* is wrong: level names must differ"),
    "reserved level": ("leaf,mean\na,x\nb,y\n", "header of .* is wrong: no level can be called 'mean'"),
    "leaf above leaf": ("Leaf,leaf\na,x\nb,y\n", "no level but the finest can be called 'leaf'"),
    "missing cell": ("leaf,parent\na,x\nb\n", "line 3 of .* fills 1 of 2 columns"),
    "empty cell": ("leaf,parent\na,x\nb,\n", "line 3 of .* fills 1 of 2 columns"),
    "extra cell": ("leaf,parent\na,x,z\nb,x\n", "line 2 of .* fills 3 of 2 columns"),
    "leaf twice": ("leaf,parent\na,x\na,x\n", "line 3 of .* lists the leaf 'a' a second time"),
    "two parents": (
        "leaf,parent,top\na,x,p\nb,x,q\n",
        "line 3 of .* puts parent 'x' below 'q', but an earlier line below 'p'",
    ),
    "leaf not listed": ("leaf,parent\na,x\n", "has no row for the class folder 'b'"),
}


@pytest.mark.parametrize(("text", "message"), WRONG_TABLES.values(), ids=WRONG_TABLES)
def test_a_wrong_table_is_told_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    touch(tmp_path, ("a/0.png", "b/0.png"))
    (tmp_path / "taxonomy.csv").write_text(text)
    with pytest.raises(TaxonomyError, match=message):
        scan_folder(tmp_path)


def test_a_table_that_is_no_text_or_beside_nested_folders_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, ("a/0.png", "b/0.png"))
    (tmp_path / "taxonomy.csv").write_bytes(b"leaf,parent\n\xff\xfe,x\n")
    with pytest.raises(TaxonomyError, match="cannot read the table"):
        scan_folder(tmp_path)
    nested = touch(tmp_path / "nested", NESTED)
    (nested / "taxonomy.csv").write_text("leaf,parent\ncat,animal\n")
    with pytest.raises(TaxonomyError, match="leaf folders must be flat"):
        scan_folder(nested)


def test_scanning_loads_neither_torch_nor_numpy() -> None:
    code = "import sys, hmlc_ray.folders; print({'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
